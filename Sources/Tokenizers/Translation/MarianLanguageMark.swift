/// The marks `>>por<<` that models of several target languages want before the text.
enum MarianLanguageMark {
    /// The code of the language, if an entry of a vocabulary is such a mark.
    static func code(_ spelling: ArraySlice<UInt8>) -> String? {
        guard spelling.count > 4, spelling.starts(with: ">>".utf8), spelling.suffix(2).elementsEqual("<<".utf8) else {
            return nil
        }
        let code = spelling.dropFirst(2).dropLast(2)
        let isCode = code.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isCode ? String(decoding: code, as: UTF8.self) : nil
    }
}
