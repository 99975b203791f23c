internal import Foundation

/// Sentences for whatever languages a model lists. What they are turned into is the parity suite's concern; here they are
/// only plain enough that every model of a language knows what to do with them, and long enough to be told apart.
enum LanguageSamples {
    /// Five sentences on everyday things, in the same order in every language.
    private static let sentences: [String: [String]] = [
        "en": [
            "The library opens at nine in the morning.", "My sister works in a small hospital near the river.",
            "We would like to buy two tickets for tomorrow.", "The weather was cold yesterday, but today it is warm.",
            "Please close the window before you leave the house.",
        ],
        "pt": [
            "A biblioteca abre às nove horas da manhã.", "Minha irmã trabalha em um pequeno hospital perto do rio.",
            "Gostaríamos de comprar dois bilhetes para amanhã.", "O tempo estava frio ontem, mas hoje está quente.",
            "Por favor, feche a janela antes de sair de casa.",
        ],
        "de": [
            "Die Bibliothek öffnet um neun Uhr morgens.",
            "Meine Schwester arbeitet in einem kleinen Krankenhaus am Fluss.",
            "Wir möchten zwei Karten für morgen kaufen.", "Gestern war das Wetter kalt, aber heute ist es warm.",
            "Bitte schließen Sie das Fenster, bevor Sie das Haus verlassen.",
        ],
        "fr": [
            "La bibliothèque ouvre à neuf heures du matin.",
            "Ma sœur travaille dans un petit hôpital près de la rivière.",
            "Nous voudrions acheter deux billets pour demain.",
            "Il faisait froid hier, mais aujourd'hui il fait chaud.",
            "Fermez la fenêtre avant de quitter la maison, s'il vous plaît.",
        ],
        "es": [
            "La biblioteca abre a las nueve de la mañana.", "Mi hermana trabaja en un pequeño hospital cerca del río.",
            "Nos gustaría comprar dos entradas para mañana.", "Ayer hizo frío, pero hoy hace mucho calor.",
            "Por favor, cierre la ventana antes de salir de la casa.",
        ],
        "it": [
            "La biblioteca apre alle nove del mattino.", "Mia sorella lavora in un piccolo ospedale vicino al fiume.",
            "Vorremmo comprare due biglietti per domani.", "Ieri faceva freddo, ma oggi fa molto caldo.",
            "Per favore, chiuda la finestra prima di uscire di casa.",
        ],
        "nl": [
            "De bibliotheek gaat om negen uur 's ochtends open.",
            "Mijn zus werkt in een klein ziekenhuis bij de rivier.",
            "Wij willen graag twee kaartjes voor morgen kopen.",
            "Gisteren was het weer koud, maar vandaag is het warm.", "Sluit het raam voordat u het huis verlaat.",
        ],
        "pl": [
            "Biblioteka jest otwarta od dziewiątej rano.", "Moja siostra pracuje w małym szpitalu nad rzeką.",
            "Chcielibyśmy kupić dwa bilety na jutro.", "Wczoraj było zimno, ale dzisiaj jest ciepło.",
            "Proszę zamknąć okno przed wyjściem z domu.",
        ],
        "ru": [
            "Библиотека открывается в девять часов утра.", "Моя сестра работает в маленькой больнице у реки.",
            "Мы хотели бы купить два билета на завтра.", "Вчера было холодно, а сегодня тепло.",
            "Пожалуйста, закройте окно, прежде чем выйти из дома.",
        ],
        "uk": [
            "Бібліотека відчиняється о дев'ятій годині ранку.", "Моя сестра працює в маленькій лікарні біля річки.",
            "Ми хотіли б купити два квитки на завтра.", "Вчора було холодно, а сьогодні тепло.",
            "Будь ласка, зачиніть вікно, перш ніж вийти з дому.",
        ],
        "tr": [
            "Kütüphane sabah saat dokuzda açılıyor.", "Kız kardeşim nehrin yanındaki küçük bir hastanede çalışıyor.",
            "Yarın için iki bilet almak istiyoruz.", "Dün hava soğuktu ama bugün sıcak.",
            "Lütfen evden çıkmadan önce pencereyi kapatın.",
        ],
        "ja": [
            "図書館は朝九時に開きます。", "私の妹は川の近くの小さな病院で働いています。", "明日の切符を二枚買いたいのですが。",
            "昨日は寒かったですが、今日は暖かいです。", "家を出る前に窓を閉めてください。",
        ],
        "zh": [
            "图书馆早上九点开门。", "我的妹妹在河边的一家小医院工作。", "我们想买两张明天的票。", "昨天天气很冷，但是今天很暖和。",
            "请您在离开房子之前关上窗户。",
        ],
        "ar": [
            "تفتح المكتبة أبوابها في الساعة التاسعة صباحا.", "تعمل أختي في مستشفى صغير بالقرب من النهر.",
            "نود أن نشتري تذكرتين ليوم غد.", "كان الطقس باردا أمس، لكنه دافئ اليوم.",
            "من فضلك أغلق النافذة قبل أن تغادر المنزل.",
        ],
        "sv": [
            "Biblioteket öppnar klockan nio på morgonen.", "Min syster arbetar på ett litet sjukhus nära floden.",
            "Vi skulle vilja köpa två biljetter till imorgon.", "Det var kallt igår, men idag är det varmt.",
            "Var snäll och stäng fönstret innan du lämnar huset.",
        ],
    ]

    /// The languages that there are sentences in, the best known first.
    static let languages = [
        "en", "pt", "de", "fr", "es", "it", "nl", "pl", "ru", "uk", "tr", "ja", "zh", "ar", "sv",
    ]

    /// Those that tell languages apart that are alike; what a detector is asked for.
    static func sentences(_ language: String) -> [String] { sentences[base(language)] ?? [] }

    /// The language without script and region.
    static func base(_ language: String) -> String {
        language.split(separator: "-").first.map { $0.lowercased() } ?? language
    }

    /// A pair of languages of a translation model that there are sentences for.
    struct Pair: Sendable, CustomStringConvertible {
        var source: String
        var target: String
        var sentences: [String] { LanguageSamples.sentences(source) }
        var description: String { "\(source) to \(target)" }
    }

    /// Pairs that a model translates: the best known languages first, and every one of them as source and as target
    /// before any a second time.
    static func pairs(_ model: PortfolioModel, most: Int) -> [Pair] {
        let sources = known(model.sourceLanguages)
        let targets = known(model.targetLanguages)
        var pairs: [Pair] = []
        for shift in 0..<max(1, targets.count) {
            for (index, source) in sources.enumerated() where !targets.isEmpty {
                let target = targets[(index + shift) % targets.count]
                if base(source) != base(target) { pairs.append(Pair(source: source, target: target)) }
                if pairs.count == most { return pairs }
            }
        }
        return pairs
    }

    private static func known(_ listed: [String]) -> [String] {
        languages.compactMap { language in
            listed.first { $0 == language } ?? listed.first { base($0) == language }
        }
    }
}

extension PortfolioModel {
    /// The pair that is tried first.
    ///
    /// - Throws: `CaseFailure` where no language of the model is one that there are sentences in.
    func firstPair() throws -> LanguageSamples.Pair {
        if let pair = LanguageSamples.pairs(self, most: 1).first { return pair }
        throw CaseFailure(
            "no language of \(name) is one of \(LanguageSamples.languages.joined(separator: ", ")), which there are texts for"
        )
    }

    /// Whether it is large enough that a case takes fewer and shorter texts.
    var isLarge: Bool { parameters > 200_000_000 }
}

extension String {
    /// Unicode code points, as the service counts characters.
    var codePoints: Int { unicodeScalars.count }
}
