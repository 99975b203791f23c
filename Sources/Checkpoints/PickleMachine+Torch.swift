/// The few objects that a pickle of a checkpoint makes, as data: what PyTorch would call is only described here.
extension PickleMachine {
    /// What a call of one of the allowed globals stands for.
    func call(_ function: Int, _ arguments: Int, _ position: Int) throws -> PickleValue {
        guard case .global(let global) = values[function], case .tuple(let arguments) = values[arguments] else {
            throw reader.invalid(
                "the pickle calls \(values[function].kind) with \(values[arguments].kind)", at: position)
        }
        switch global {
        case .orderedDictionary:
            guard arguments.isEmpty else {
                throw reader.invalid("an ordered dictionary is made of \(arguments.count) arguments", at: position)
            }
            return .dictionary([])
        case .rebuildTensor: return .tensor(try tensor(arguments, position))
        case .rebuildParameter:
            // The tensor, whether it is to be trained, and hooks.
            guard arguments.count == 3, case .tensor = values[arguments[0]] else {
                throw reader.invalid("a parameter is not made of a tensor and two arguments", at: position)
            }
            return values[arguments[0]]
        case .storage(let type):
            throw reader.invalid("the pickle makes a storage of \(type.name) by a call", at: position)
        }
    }

    /// What a persistent identifier stands for: `("storage", class, key, location, number of elements)`.
    func storage(_ identifier: Int, _ position: Int) throws -> PickleValue {
        guard case .tuple(let parts) = values[identifier], parts.count == 5,
            case .string("storage") = values[parts[0]], case .global(.storage(let type)) = values[parts[1]],
            case .string(let key) = values[parts[2]], case .string = values[parts[3]],
            case .integer(let count) = values[parts[4]], count >= 0
        else {
            throw reader.invalid(
                "a persistent identifier is not a storage's: its class, key, location and size", at: position)
        }
        return .storage(TorchStorage(key: key, type: type, count: count))
    }

    /// The storage, the first element, the shape, the strides, whether a gradient is wanted, hooks, and perhaps notes.
    private func tensor(_ arguments: [Int], _ position: Int) throws -> TorchTensor {
        guard (6...7).contains(arguments.count), case .storage(let storage) = values[arguments[0]],
            case .integer(let offset) = values[arguments[1]], offset >= 0
        else {
            throw reader.invalid("a tensor is not made of a storage, an offset and its dimensions", at: position)
        }
        let shape = try dimensions(arguments[2], "shape", position)
        let strides = try dimensions(arguments[3], "strides", position)
        guard shape.count == strides.count else {
            throw reader.invalid(
                "a tensor has \(shape.count) dimensions and \(strides.count) strides", at: position)
        }
        return TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides, position: position)
    }

    private func dimensions(_ index: Int, _ what: String, _ position: Int) throws -> [Int] {
        guard case .tuple(let parts) = values[index], parts.count <= ElementType.maximumRank else {
            throw reader.invalid(
                "a tensor's \(what) is no tuple of at most \(ElementType.maximumRank) integers", at: position)
        }
        return try parts.map { part in
            guard case .integer(let number) = values[part], number >= 0 else {
                throw reader.invalid("a tensor's \(what) has \(values[part].kind) below 0 or no integer", at: position)
            }
            return number
        }
    }
}
