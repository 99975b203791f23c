extension SentenceRules {
    /// English.
    static let english = SentenceRules(
        never: """
            mr mrs ms mx messrs mmes dr drs prof profs Rev Hon Pres Gov Sen Rep Gen Brig Col Lt Maj Capt Cmdr Cpl Sgt
            Adm Pvt Supt Insp Det Msgr Fr Ste vs v cf viz e.g i.e approx ca incl esp resp aka a.k.a c.f
            """,
        unlessNumberFollows: """
            No Nos Art Arts Fig Figs fig figs p pp Vol Vols vol vols Ch Chap Chs chap Sec Secs Eq Eqs Ref Refs Tab
            Ver ver App Ex Sect Para para Col ll n nn
            Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun
            """,
        ifStarterFollows: """
            Jr Sr Esq Inc Ltd Co Corp Bros Cos LLC PLC Ave Blvd Rd St Mt Ft Hwy Dept Univ Assn Assoc Intl Natl al
            Ph.D Ph M.D B.A B.Sc M.A M.Sc D.Phil Ed Eds ed eds tel ext est
            """,
        unlessDateFollows: "a.m p.m",
        starters: """
            The This That These Those There Here A An He She It We They You I His Her Hers Its Our Their My Your
            But And So Yet If When Whenever While Where What Which Who Whom Why How In On At For From With Without
            By As After Before Because Although Though However Moreover Furthermore Nevertheless Therefore Thus Then
            Now Today Yesterday Tomorrow Tonight Later Meanwhile Once Since Until Unless Did Does Do Is Are Was Were
            Has Have Had Can Could Would Will Should May Might Many Some Most Several Both Each Every Any Nobody
            Nothing Everyone Everything Someone Something Please Perhaps Maybe Yes Not Also Even Only Still Just
            Let Let' It' He' She' We' They' You' I' There' That' What' Who' Don Didn Isn Wasn Doesn Can'
            """,
        dateWords: """
            Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Tues Wed Thu Thurs Fri Sat Sun
            January February March April May June July August September October November December Jan Feb Mar Apr
            Jun Jul Aug Sep Sept Oct Nov Dec UTC GMT BST CET CEST EET EST EDT CST CDT MST MDT PST PDT ET CT MT PT
            Eastern Central Mountain Pacific
            """,
        hasWordI: true)
}
