/// The values of `format` that are held to; all others are annotations, as JSON Schema has it, and ignored.
enum StringFormat: String {
    case date
    case time
    case dateTime = "date-time"
    case uuid
    case email
    case ipv4

    /// What a text of the format looks like, in the language of `PatternParser`.
    var pattern: String {
        switch self {
        case .date: "^\(Self.datePattern)$"
        case .time: "^\(Self.timePattern)$"
        case .dateTime: "^\(Self.datePattern)T\(Self.timePattern)$"
        case .uuid: "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
        case .email:
            "^[A-Za-z0-9_%+-]{1,32}(\\.[A-Za-z0-9_%+-]{1,16}){0,2}@"
                + "([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,4}[A-Za-z]{2,24}$"
        case .ipv4: "^\(Self.octet)(\\.\(Self.octet)){3}$"
        }
    }

    /// RFC 3339, section 5.6, with February 29 in leap years only. The year 0 is left out, which few calendars have.
    private static let datePattern =
        "(\(year)-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)"
        + "|02-(0[1-9]|1\\d|2[0-8]))|\(leapYear)-02-29)"
    private static let year = "([1-9]\\d{3}|0[1-9]\\d{2}|00[1-9]\\d|000[1-9])"
    private static let leapYear =
        "(\\d\\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26]|0[48])00)"
    /// Without leap seconds, which many readers refuse.
    private static let timePattern =
        "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
    private static let octet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
}
