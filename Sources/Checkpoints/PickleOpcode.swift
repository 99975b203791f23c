/// What the unpickler does for an opcode that it accepts. There is no operation that imports, calls or looks up
/// anything outside the tables of this file.
enum PickleOperation: Sendable {
    case stop, mark
    /// The version of the pickle, and the length of what follows; both only checked.
    case version, frame
    case none, yes, no
    /// Signed or unsigned integers of so many bytes, or with a byte for their number of bytes before.
    case signed32, unsigned8, unsigned16, long
    case real
    /// A string after a length of so many bytes.
    case string(lengthBytes: Int)
    case emptyTuple, emptyList, emptyDictionary
    /// A tuple of so many elements, or of those down to the mark.
    case tuple(Int), tupleToMark
    case append, appendToMark
    case setItem, setItemsToMark
    /// Memory: what is on top under the next number, or under a number of so many bytes; and back again.
    case memoize, put(bytes: Int), get(bytes: Int)
    case global, globalOfStack
    case reduce, build, persistent
}

/// The opcodes of Python's pickle format, protocols 0 to 5, and which of them a checkpoint may have.
struct PickleOpcode: Sendable {
    /// The name in Python's `pickletools`.
    let name: String
    /// What it does here; nil if it is refused.
    let operation: PickleOperation?

    /// The allow-list: all that `torch.save` writes for a dictionary of tensors under protocols 2 to 5.
    private static let allowed: [(UInt8, String, PickleOperation)] = [
        (0x80, "PROTO", .version), (0x95, "FRAME", .frame), (0x2e, "STOP", .stop), (0x28, "MARK", .mark),
        (0x4e, "NONE", .none), (0x88, "NEWTRUE", .yes), (0x89, "NEWFALSE", .no), (0x4a, "BININT", .signed32),
        (0x4b, "BININT1", .unsigned8), (0x4d, "BININT2", .unsigned16), (0x8a, "LONG1", .long),
        (0x47, "BINFLOAT", .real), (0x8c, "SHORT_BINUNICODE", .string(lengthBytes: 1)),
        (0x58, "BINUNICODE", .string(lengthBytes: 4)), (0x8d, "BINUNICODE8", .string(lengthBytes: 8)),
        (0x29, "EMPTY_TUPLE", .emptyTuple), (0x5d, "EMPTY_LIST", .emptyList), (0x7d, "EMPTY_DICT", .emptyDictionary),
        (0x85, "TUPLE1", .tuple(1)), (0x86, "TUPLE2", .tuple(2)), (0x87, "TUPLE3", .tuple(3)),
        (0x74, "TUPLE", .tupleToMark), (0x61, "APPEND", .append), (0x65, "APPENDS", .appendToMark),
        (0x73, "SETITEM", .setItem), (0x75, "SETITEMS", .setItemsToMark), (0x94, "MEMOIZE", .memoize),
        (0x71, "BINPUT", .put(bytes: 1)), (0x72, "LONG_BINPUT", .put(bytes: 4)), (0x68, "BINGET", .get(bytes: 1)),
        (0x6a, "LONG_BINGET", .get(bytes: 4)), (0x63, "GLOBAL", .global), (0x93, "STACK_GLOBAL", .globalOfStack),
        (0x52, "REDUCE", .reduce), (0x62, "BUILD", .build), (0x51, "BINPERSID", .persistent),
    ]

    /// The names of all others, so that a message can say which one it is.
    private static let refused: [(UInt8, String)] = [
        (0x30, "POP"), (0x31, "POP_MARK"), (0x32, "DUP"), (0x46, "FLOAT"), (0x49, "INT"), (0x4c, "LONG"),
        (0x50, "PERSID"), (0x53, "STRING"), (0x54, "BINSTRING"), (0x55, "SHORT_BINSTRING"), (0x56, "UNICODE"),
        (0x64, "DICT"), (0x67, "GET"), (0x69, "INST"), (0x6c, "LIST"), (0x6f, "OBJ"), (0x70, "PUT"),
        (0x81, "NEWOBJ"), (0x82, "EXT1"), (0x83, "EXT2"), (0x84, "EXT4"), (0x8b, "LONG4"), (0x8e, "BINBYTES8"),
        (0x42, "BINBYTES"), (0x43, "SHORT_BINBYTES"), (0x8f, "EMPTY_SET"), (0x90, "ADDITEMS"), (0x91, "FROZENSET"),
        (0x92, "NEWOBJ_EX"), (0x96, "BYTEARRAY8"), (0x97, "NEXT_BUFFER"), (0x98, "READONLY_BUFFER"),
    ]

    /// Every opcode of the format by its byte.
    static let table: [UInt8: PickleOpcode] = Dictionary(
        uniqueKeysWithValues: allowed.map { ($0.0, PickleOpcode(name: $0.1, operation: $0.2)) }
            + refused.map { ($0.0, PickleOpcode(name: $0.1, operation: nil)) })
}

/// What a global of a pickle stands for.
enum PickleGlobal: Sendable, Equatable {
    case orderedDictionary, rebuildTensor, rebuildParameter
    /// The class of a storage with elements of that type.
    case storage(ElementType)

    /// The allow-list, as "module name".
    private static let allowed: [String: PickleGlobal] = {
        let storages = [
            "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "DoubleStorage": "F64",
            "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
            "ByteStorage": "U8", "BoolStorage": "BOOL",
        ]
        var table: [String: PickleGlobal] = [
            "collections OrderedDict": .orderedDictionary,
            "torch._utils _rebuild_tensor_v2": .rebuildTensor,
            "torch._utils _rebuild_parameter": .rebuildParameter,
        ]
        for (name, type) in storages { table["torch \(name)"] = ElementType.byName[type].map { .storage($0) } }
        return table
    }()

    /// The global of that name; nil if it is not on the list.
    static func named(_ name: String, module: String) -> PickleGlobal? { allowed["\(module) \(name)"] }
}
