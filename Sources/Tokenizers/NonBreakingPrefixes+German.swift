extension SentenceRules {
    /// German. Nouns have capitals, so a capital says less here than elsewhere.
    static let german = SentenceRules(
        never: """
            Hr Hrn Fr Frl Dr Drs Prof Dipl Ing Mag Dir Hptm Oblt Gen Hl St bzw ca vgl evtl ggf inkl exkl zzgl sog bspw
            z d h u z.B d.h o.ä i.d.R z.T i.A m.E s.o s.u u.U v.a u.a o.g max min
            """,
        unlessNumberFollows: """
            Nr Nrn Art Abs S Bd Bde Kap Abb Tab Aufl Anm Tel Ziff Rn Rdnr Az lit Lfg
            Jan Feb Mär Apr Jun Jul Aug Sep Sept Okt Nov Dez
            """,
        ifStarterFollows: """
            Str Co Corp Inc Ltd usw etc n.Chr v.Chr Chr Jh Jhd Jr jun sen e.V Hrsg Univ Inst Abt ff f Std Mio Mrd Tsd
            """,
        starters: """
            Der Die Das Dem Den Des Ein Eine Einer Einem Einen Er Sie Es Ich Wir Ihr Du Man Mein Meine Sein Seine Ihre
            Unser Unsere Dieser Diese Dieses Diesen Jener Jene Aber Und Oder Denn Doch Sondern Wenn Als Da Weil Obwohl
            Während Bevor Nachdem Damit Dass Ob In Im Am An Auf Bei Beim Nach Vor Mit Ohne Für Gegen Von Vom Zu Zum
            Zur Seit Bis Durch Über Unter Wegen Trotz Heute Gestern Jetzt Dann Danach Davor Dort Hier So Auch Nun
            Noch Schon Nur Immer Nie Nicht Ja Nein Vielleicht Was Wer Wie Wo Warum Wann Wohin Woher Welche Welcher
            Kein Keine Keiner Alle Alles Viele Einige Manche Jeder Jede Jedes Nichts Niemand Jemand Zuerst Zuletzt
            Schließlich Trotzdem Deshalb Daher Dabei Dazu Außerdem
            """,
        writesOrdinalsWithPeriod: true)
}
