extension SentenceRules {
    /// Portuguese, of either side of the Atlantic.
    static let portuguese = SentenceRules(
        never: """
            sr sra srs sras srta srtas dr dra drs dras prof profa profª profs eng engª arq Exmo Exma Exmos Exmas
            Ilmo Ilma Sto Sta Pe Fr Mons Gen Cel Cap Ten Sgt Maj Alm Brig Des Dep Sen Gov Pres Min Av Trav Tv Lg
            Pça Rod Estr Al Bl apto vs cf cfr v ex p.ex i.e obs aprox ca c v.g Lic Licda Revmo
            V.Exa V.Ex.ª V.Exª V.S.ª V.Sa Exa Mª
            """,
        unlessNumberFollows: """
            n nº n.º no nr num núm Art art arts p pp pág págs pag pags fl fls vol vols cap caps fig figs tab inc tel
            telef ramal séc sécs sec s par it al proc
            jan fev mar abr mai jun jul ago set out nov dez
            """,
        ifStarterFollows: """
            Cia Ltda Lda S.A S.A.R.L Jr Jor Inc Corp a.C d.C E.U.A Ed ed eds Org org Univ Dept Depto
            """,
        starters: """
            O A Os As Um Uma Uns Umas Ele Ela Eles Elas Eu Nós Você Vocês Tu Vós Isto Isso Aquilo Este Esta Estes
            Estas Esse Essa Esses Essas Aquele Aquela Aqueles Aquelas Meu Minha Seu Sua Seus Suas Nosso Nossa
            Mas E Ou Porém Contudo Todavia Entretanto Quando Enquanto Se Como Porque Pois Embora Apesar Assim Logo
            Em No Na Nos Nas Num Numa Ao Aos À Às Com Sem Sobre Sob Até Desde Após Depois Antes Durante Segundo
            Hoje Ontem Amanhã Agora Então Já Ainda Também Talvez Sempre Nunca Não Sim Só Apenas Mesmo Muitos Muitas
            Alguns Algumas Cada Todos Todas Tudo Nada Ninguém Alguém Há Houve É Era Foi Está Estava Para Por Pela
            Pelo Que Quem Qual Onde Quanto Aqui Ali Lá Outro Outra Outros Outras Nenhum Nenhuma
            """)
}
