/// A value of a pickle. Values refer to others by their index in `PickleMachine.values`, so that none is nested in
/// memory: neither copying nor freeing them can recurse, however deep a file nests them, and cycles do no harm.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    case real(Double)
    case string(String)
    case tuple([Int])
    case list([Int])
    case dictionary([(key: Int, value: Int)])
    case global(PickleGlobal)
    case storage(TorchStorage)
    case tensor(TorchTensor)

    /// What it is, for messages.
    var kind: String {
        switch self {
        case .none: "None"
        case .boolean: "a truth value"
        case .integer: "an integer"
        case .real: "a float"
        case .string: "a string"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .global: "a class or function"
        case .storage: "a storage"
        case .tensor: "a tensor"
        }
    }
}

/// A storage as a pickle names it: the elements of one or several tensors, in an entry of the archive.
struct TorchStorage: Equatable {
    /// The name of the entry, below `data/`.
    var key: String
    var type: ElementType
    /// The number of elements.
    var count: Int
}

/// A tensor as a pickle describes it: some elements of a storage. Nothing here is checked against the storage yet.
struct TorchTensor {
    var storage: TorchStorage
    /// The first element.
    var offset: Int
    var shape: [Int]
    /// By how many elements of the storage each dimension advances.
    var strides: [Int]
    /// Where in the pickle it was built, for messages.
    var position: Int
}
