extension SentenceRules {
    /// Spanish.
    static let spanish = SentenceRules(
        never: """
            sr sra sres sras srta srtas dr dra dres dras prof profa Dña lic licda ing arq gral Gen Cnel Cap Tte Sgto
            Cmdte Pdte Pdta Excmo Excma Ilmo Ilma Rvdo Rvda Mons Fr Sto Sta Hno Hna Avda Av Pza Plza Ctra Ntra
            p.ej ej i.e vs cf cfr aprox v.gr
            """,
        unlessNumberFollows: """
            n nº n.º núm núms num Art art arts p pp pág págs pag vol vols cap caps fig figs tab tel teléf t ss párr apdo
            s ene feb mar abr may jun jul ago sep sept oct nov dic
            """,
        ifStarterFollows: """
            S.A S.L S.A.U Cía Ltda Ltd Inc Corp EE UU EE.UU RR HH JJ OO CC.OO a.C d.C a.m p.m Jr Ud Uds Vd Vds Ed ed
            eds Univ Dpto Depto
            """,
        starters: """
            El La Los Las Lo Un Una Unos Unas Él Ella Ellos Ellas Yo Tú Nosotros Nosotras Usted Ustedes Esto Eso
            Aquello Este Esta Estos Estas Ese Esa Esos Esas Aquel Aquella Mi Su Sus Nuestro Nuestra Pero Y Sin
            Cuando Mientras Si Como Porque Pues Aunque Así En Con Sobre Hasta Desde Tras Después Antes Durante
            Según Hoy Ayer Mañana Ahora Entonces Ya Aún También Tampoco Tal Siempre Nunca No Sí Sólo Solo Muchos
            Muchas Algunos Algunas Cada Todos Todas Todo Nada Nadie Alguien Hay Hubo Es Era Fue Está Para Por Que
            Qué Quién Quien Cuál Dónde Donde Cómo Aquí Allí Al Del A De Otro Otra Otros Otras
            """)
}
