/// Which codes stand for which languages, and the script that each is usually written in. The codes are those of
/// ISO 639 and ISO 15924; what a language is usually written in follows the Unicode CLDR's likely subtags, but for
/// four languages whose data in translation models is in another script.
enum LanguageTables {
    /// Codes of ISO 639-2 and 639-3 with the two-letter code of the same language.
    static let shortCodes = """
        aar aa, abk ab, afr af, aka ak, alb sq, amh am, ara ar, arg an, arm hy, asm as, ava av, ave ae, aym ay, aze az
        bak ba, bam bm, baq eu, bel be, ben bn, bis bi, bod bo, bos bs, bre br, bul bg, bur my, cat ca, ces cs, cha ch
        che ce, chi zh, chu cu, chv cv, cor kw, cos co, cre cr, cym cy, cze cs, dan da, deu de, div dv, dut nl, dzo dz
        ell el, eng en, epo eo, est et, eus eu, ewe ee, fao fo, fas fa, fij fj, fin fi, fra fr, fre fr, fry fy, ful ff
        geo ka, ger de, gla gd, gle ga, glg gl, glv gv, gre el, grn gn, guj gu, hat ht, hau ha, hbs sh, heb he, her hz
        hin hi, hmo ho, hrv hr, hun hu, hye hy, ibo ig, ice is, ido io, iii ii, iku iu, ile ie, ina ia, ind id, ipk ik
        isl is, ita it, jav jv, jpn ja, kal kl, kan kn, kas ks, kat ka, kau kr, kaz kk, khm km, kik ki, kin rw, kir ky
        kom kv, kon kg, kor ko, kua kj, kur ku, lao lo, lat la, lav lv, lim li, lin ln, lit lt, ltz lb, lub lu, lug lg
        mac mk, mah mh, mal ml, mao mi, mar mr, may ms, mkd mk, mlg mg, mlt mt, mon mn, mri mi, msa ms, mya my, nau na
        nav nv, nbl nr, nde nd, ndo ng, nep ne, nld nl, nno nn, nob nb, nor no, nya ny, oci oc, oji oj, ori or, orm om
        oss os, pan pa, per fa, pli pi, pol pl, por pt, pus ps, que qu, roh rm, ron ro, rum ro, run rn, rus ru, sag sg
        san sa, sin si, slk sk, slo sk, slv sl, sme se, smo sm, sna sn, snd sd, som so, sot st, spa es, sqi sq, srd sc
        srp sr, ssw ss, sun su, swa sw, swe sv, tah ty, tam ta, tat tt, tel te, tgk tg, tgl tl, tha th, tib bo, tir ti
        ton to, tsn tn, tso ts, tuk tk, tur tr, twi tw, uig ug, ukr uk, urd ur, uzb uz, ven ve, vie vi, vol vo, wel cy
        wln wa, wol wo, xho xh, yid yi, yor yo, zha za, zho zh, zul zu
        """

    /// Codes of languages that are, in the world's usage, what a two-letter code of a group of them means.
    static let memberCodes = """
        als sq, arb ar, ayr ay, azj az, cmn zh, ekk et, fuv ff, gaz om, gug gn, ike iu, khk mn, kmr ku, knc kr, lvs lv
        npi ne, ory or, pbt ps, pbu ps, pes fa, plt mg, quy qu, quz qu, src sc, swh sw, uzn uz, ydd yi, zsm ms
        """

    /// Codes that ISO 639 has replaced, and one that M2M100 made up (`ns`).
    static let formerCodes = """
        bh bho, in id, iw he, ji yi, jw jv, mo ro, mol ro, ns nso, scc sr, scr hr
        """

    /// Languages by the script they are usually written in; all others are usually written in Latin letters, but for
    /// Chinese, of which nothing is assumed.
    static let scripts: [String: String] = [
        "Arab": """
        acm acq aeb ajp apc apd ar arq ars ary arz azb bal bej bgn bqi brh chg ckb fa gbz glk khw ks lah lrc mde
        mzn ota prs ps sd sdh shu skr swb trw ug ur
        """,
        "Armi": "arc",
        "Armn": "hy",
        "Avst": "ae",
        "Bali": "kaw",
        "Bamu": "bax",
        "Beng": "as bn bpy ctg mni rkt sat syl",
        "Brah": "kho",
        "Cakm": "ccp",
        "Cans": "cr crj crk crl crm csw iu oj ojs",
        "Cher": "chr",
        "Copt": "cop",
        "Cyrl": """
        ab ady alt av ba be bg bua ce chm cu cv dar inh kaa kbd kk koi krc kum kv ky lez mdf mk mn mrj myv nog
        os ru rue sah sel sr tg tt tyv udm uk xal
        """,
        "Deva": "anp awa bgc bho bra brx doi dty gon hi hif hne kok kru mag mai mr mwr ne new raj sa xnr",
        "Egyp": "egy",
        "Ethi": "am byn gez ti tig wal",
        "Geor": "ka xmf",
        "Goth": "got",
        "Grek": "el grc pnt tsd",
        "Gujr": "gu",
        "Guru": "pa",
        "Hang": "ko",
        "Hans": "gan hak hsn nan wuu",
        "Hant": "yue",
        "Hebr": "he jpr jrb lad yi",
        "Hmnp": "hnj",
        "Jpan": "ja",
        "Kana": "ain",
        "Khmr": "km",
        "Knda": "kn tcy",
        "Laoo": "lo",
        "Latg": "mga",
        "Mlym": "ml",
        "Mong": "mnc",
        "Mymr": "my shn",
        "Newa": "nwc",
        "Nkoo": "nqo",
        "Orya": "or",
        "Osge": "osa",
        "Phli": "pal",
        "Phnx": "phn",
        "Rohg": "rhg",
        "Runr": "non",
        "Samr": "sam",
        "Saur": "saz",
        "Sgnw": "ase",
        "Sinh": "pi si",
        "Sogd": "sog",
        "Syrc": "syc syr",
        "Taml": "bfq ta",
        "Tavt": "blt",
        "Telu": "te",
        "Tfng": "shi tzm zen zgh",
        "Thaa": "dv",
        "Thai": "th",
        "Tibt": "bo dz",
        "Ugar": "uga",
        "Vaii": "vai",
        "Xpeo": "peo",
        "Xsux": "akk hit",
        "Yiii": "ii",
    ]
}
