/// The tensors of one PyTorch file: the pickle's descriptions, held against the storages.
struct TorchTensorTable {
    private(set) var tensors: [CheckpointTensor] = []
    private(set) var unusable: [UnusableTensor] = []

    private let archive: TorchArchive
    /// The storages that were opened, by their keys.
    private var storages: [String: (storage: TorchStorage, bytes: ByteRegion)] = [:]
    private var extractionBudget: Int
    /// How many bytes tensors that are not in order may be copied to: a file can describe any number of them.
    private var copyBudget = 0

    /// Copies of a storage that a checkpoint may need: a tied weight, transposed, needs one.
    private static let copiesOfStorages = 4

    init(_ region: ByteRegion) throws {
        archive = try TorchArchive(region)
        extractionBudget = archive.extractionBudget
        var machine = PickleMachine(try archive.pickleBytes())
        let root = try machine.run()
        let values = machine.values
        guard case .dictionary(let pairs) = values[root] else {
            throw invalid("the pickle is \(values[root].kind), not a dictionary of tensors", 0)
        }
        var described: [(name: String, tensor: TorchTensor)] = []
        var names: Set<String> = []
        for (key, value) in pairs {
            guard case .string(let name) = values[key], !name.isEmpty else {
                throw invalid("\(values[key].kind) is a tensor's name, or it is empty", 0)
            }
            guard names.insert(name).inserted else { throw invalid("the tensor \(quoted(name)) appears twice", 0) }
            guard case .tensor(let tensor) = values[value] else {
                throw invalid("\(quoted(name)) is \(values[value].kind), not a tensor", 0)
            }
            described.append((name, tensor))
        }
        for (_, tensor) in described { try open(tensor) }
        for (name, tensor) in described { try add(name, tensor) }
    }

    private func invalid(_ reason: String, _ position: Int) -> CheckpointError {
        .invalid(file: archive.pickleSource, offset: position, reason: reason)
    }

    private mutating func open(_ tensor: TorchTensor) throws {
        let storage = tensor.storage
        if let known = storages[storage.key] {
            guard known.storage == storage else {
                throw invalid(
                    "the storage \(quoted(storage.key)) has \(known.storage.count) elements of "
                        + "\(known.storage.type.name), and \(storage.count) of \(storage.type.name)", tensor.position)
            }
            return
        }
        let bytes = try archive.bytes(of: storage, position: tensor.position, budget: &extractionBudget)
        storages[storage.key] = (storage, bytes)
        let (copies, overflow) = bytes.count.multipliedReportingOverflow(by: Self.copiesOfStorages)
        let (sum, carry) = copyBudget.addingReportingOverflow(copies)
        copyBudget = overflow || carry ? Int.max : sum
    }

    private mutating func add(_ name: String, _ tensor: TorchTensor) throws {
        let what = "the tensor \(quoted(name)) of shape \(tensor.shape)"
        guard let storage = storages[tensor.storage.key]?.bytes else {
            preconditionFailure("every storage was opened")
        }
        guard let size = tensor.storage.type.bytes(shape: tensor.shape) else {
            throw invalid("\(what) is larger than any file", tensor.position)
        }
        guard let last = tensor.lastElement, size == 0 || last < tensor.storage.count else {
            throw invalid(
                "\(what), strides \(tensor.strides) and offset \(tensor.offset) does not lie within its storage of "
                    + "\(tensor.storage.count) elements", tensor.position)
        }
        guard let type = tensor.storage.type.weight, size > 0 else {
            unusable.append(UnusableTensor(name: name, shape: tensor.shape, type: tensor.storage.type.name))
            return
        }
        let bytes: ByteRegion
        if tensor.isContiguous {
            bytes = try storage.slice(offset: tensor.offset * type.blockBytes, count: size, what: what)
        } else {
            guard size <= copyBudget else {
                throw invalid(
                    "\(what) is not in order, and copying it needs \(size) bytes, more than the \(copyBudget) left for "
                        + "such tensors in a file of this size", tensor.position)
            }
            copyBudget -= size
            bytes = ByteRegion(copying: tensor.elements(of: storage, size: type.blockBytes), source: storage.source)
        }
        tensors.append(CheckpointTensor(name: name, shape: tensor.shape, type: type, bytes: bytes))
    }
}

extension TorchTensor {
    /// The last element of the storage that it has; of a tensor without elements its offset. Nil if that overflows.
    var lastElement: Int? {
        if shape.contains(0) { return offset }
        var last = offset
        for (dimension, stride) in zip(shape, strides) {
            let (span, overflow) = (dimension - 1).multipliedReportingOverflow(by: stride)
            let (sum, carry) = last.addingReportingOverflow(span)
            if overflow || carry { return nil }
            last = sum
        }
        return last
    }

    /// Whether its elements stand in the storage row after row, without gaps.
    var isContiguous: Bool {
        var expected = 1
        for (dimension, stride) in zip(shape, strides).reversed() where dimension != 1 {
            if stride != expected { return false }
            expected *= dimension
        }
        return true
    }

    /// The elements, row after row, of `size` bytes each.
    ///
    /// - Precondition: `lastElement` is within the storage, and there is at least one element.
    fileprivate func elements(of storage: ByteRegion, size: Int) -> [UInt8] {
        // The stride of a dimension of one is never taken, and can be any number.
        let strides = zip(shape, strides).map { $0 == 1 ? 0 : $1 }
        let columns = shape.last ?? 1
        let columnStride = (strides.last ?? 0) * size
        let rows = shape.dropLast().reduce(1, *)
        guard let source = storage.buffer.baseAddress else { return [] }
        return [UInt8](unsafeUninitializedCapacity: rows * columns * size) { output, initialized in
            guard var target = output.baseAddress.map({ UnsafeMutableRawPointer($0) }) else { return }
            var place = [Int](repeating: 0, count: max(0, shape.count - 1))
            var row = offset * size
            for _ in 0..<rows {
                var element = source + row
                for column in 0..<columns {
                    target.copyMemory(from: element, byteCount: size)
                    target += size
                    if column + 1 < columns { element += columnStride }
                }
                // Counts on, from the last dimension but one outwards.
                for dimension in place.indices.reversed() {
                    place[dimension] += 1
                    row += strides[dimension] * size
                    if place[dimension] < shape[dimension] { break }
                    row -= shape[dimension] * strides[dimension] * size
                    place[dimension] = 0
                }
            }
            initialized = rows * columns * size
        }
    }
}
