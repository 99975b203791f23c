extension SentenceRules {
    /// Italian.
    static let italian = SentenceRules(
        never: """
            sig sigg sig.ra sig.na dott dott.ssa prof prof.ssa avv ing arch geom rag On Sen Gen Col Cap Magg Ten Mons Fr
            SS Sto Spett Gent Egr Ill p.es es cfr cf ca vs v
            """,
        unlessNumberFollows: """
            n nn nr num Art art artt p pp pag pagg vol voll cap capp fig figg tab tel sec sez par
            gen feb mar apr mag giu lug ago set sett ott nov dic
            """,
        ifStarterFollows: "S.p.A S.r.l S.n.c S.a.s Ltd Inc Corp a.C d.C ecc etc F.lli jr Ed ed Univ Dip",
        starters: """
            Il Lo La I Gli Le L' Un Uno Una Un' Egli Lui Lei Ella Essi Esse Loro Io Tu Noi Voi Questo Questa Questi
            Queste Quest' Quello Quella Quelli Quelle Quel Mio Mia Suo Sua Nostro Nostra Ma E Ed O Però Tuttavia
            Quando Mentre Se Come Perché Poiché Sebbene Così In Nel Nella Nell' Nello Nei Negli Nelle Con Senza Su
            Sul Sulla Dopo Prima Durante Secondo Oggi Ieri Domani Ora Adesso Allora Poi Infine Già Ancora Anche Sempre
            Mai Non No Sì Solo Molti Molte Alcuni Alcune Ogni Tutti Tutte Tutto Nulla Niente Nessuno Qualcuno C' Ci
            Vi È Era Fu Sono Per Di Del Della Dell' Dal Dalla A Al Alla All' Che Chi Quale Dove Qui Lì Là Altri Altre
            """)
}
