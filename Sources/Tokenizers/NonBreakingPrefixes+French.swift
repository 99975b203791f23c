extension SentenceRules {
    /// French.
    static let french = SentenceRules(
        never: """
            MM Mme Mmes Mlle Mlles Mgr Dr Drs Pr Prof Ste Sts St Gal Cal Cne Cdt Lt av bd bld fg
            ex p.ex cf c.-à-d env vs id ibid c.à.d
            """,
        unlessNumberFollows: """
            n no nos n° nᵒ p pp Art art vol vols chap fig figs tab t tél éd al par janv févr avr juil sept oct nov déc
            """,
        ifStarterFollows: "Cie Sté S.A S.A.R.L S.A.S Ltd Inc Corp J.-C apr etc Éts Dépt Univ",
        starters: """
            Le La Les L' Un Une Des Du Il Elle Ils Elles On Je J' Tu Nous Vous Ce C' Cet Cette Ces Cela Ça Mon Ma Mes
            Son Sa Ses Notre Votre Leur Leurs Mais Et Ou Donc Or Car Ni Quand Lorsque Lorsqu' Si S' Comme Puisque
            Parce Bien Quoique Ainsi Dans En Sur Sous Avec Sans Après Avant Depuis Pendant Durant Selon Chez Hier
            Aujourd' Demain Maintenant Alors Puis Ensuite Enfin Déjà Encore Aussi Toujours Jamais Non Oui Seul
            Plusieurs Quelques Certains Chaque Tous Toutes Tout Rien Personne Pour Par Que Qu' Qui Quel Quelle Où
            Comment Pourquoi Ici Là À Au Aux D' De N' Ne Y Autre Autres Toutefois Cependant Pourtant Néanmoins
            """)
}
