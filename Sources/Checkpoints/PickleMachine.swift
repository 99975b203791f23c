/// Reads a pickle as data: a stack, a memory and a list of values, and no way to run anything. Opcodes and globals that
/// are not in the tables of `PickleOpcode` and `PickleGlobal` are refused by name and offset.
///
/// Time and memory are linear in the number of opcodes, which is bounded: no opcode makes more than one value, and what
/// is put into a container was on the stack before.
struct PickleMachine {
    private(set) var reader: ByteReader
    private(set) var values: [PickleValue] = []
    /// Indices of values.
    private var stack: [Int] = []
    /// Heights of the stack.
    private var marks: [Int] = []
    /// Indices of values by their number.
    private var memory: [Int: Int] = [:]

    /// Enough for 40,000 tensors.
    private static let maximumOperations = 1 << 21
    private static let maximumNameLength = 256
    private static let protocols: ClosedRange<UInt8> = 2...5

    init(_ region: ByteRegion) {
        reader = ByteReader(region)
    }

    /// Reads the pickle to its end, and returns the index of the value that it makes.
    mutating func run() throws -> Int {
        for _ in 0..<Self.maximumOperations {
            let position = reader.offset
            let byte = try reader.integer(UInt8.self, "a pickle opcode")
            let spelled = "0x" + String(byte, radix: 16)
            guard let opcode = PickleOpcode.table[byte] else {
                throw reader.invalid("\(spelled) is no pickle opcode", at: position)
            }
            guard let operation = opcode.operation else {
                throw refusal(
                    "the pickle opcode \(opcode.name) (\(spelled)) is not one that a checkpoint may have", position)
            }
            if case .stop = operation { return try result(position) }
            try perform(operation, position)
        }
        throw reader.invalid("the pickle has more than \(Self.maximumOperations) opcodes")
    }

    private func result(_ position: Int) throws -> Int {
        guard let result = stack.last, stack.count == 1, marks.isEmpty else {
            throw reader.invalid(
                "the pickle ends with \(stack.count) values and \(marks.count) marks on the stack", at: position)
        }
        guard reader.remaining == 0 else {
            throw reader.invalid("\(reader.remaining) bytes follow the end of the pickle")
        }
        return result
    }

    private mutating func perform(_ operation: PickleOperation, _ position: Int) throws {
        switch operation {
        case .stop: break
        case .mark: marks.append(stack.count)
        case .version, .frame: try performHeader(operation, position)
        case .none: push(.none)
        case .yes: push(.boolean(true))
        case .no: push(.boolean(false))
        case .signed32: push(.integer(Int(try reader.integer(Int32.self, "an integer"))))
        case .unsigned8, .unsigned16, .long, .real, .string: try performScalar(operation, position)
        case .emptyTuple: push(.tuple([]))
        case .emptyList: push(.list([]))
        case .emptyDictionary: push(.dictionary([]))
        case .tuple(let count):
            var elements: [Int] = []
            for _ in 0..<count { elements.append(try pop(position)) }
            push(.tuple(elements.reversed()))
        case .tupleToMark: push(.tuple(try popToMark(position)))
        case .append: try append([try pop(position)], position)
        case .appendToMark: try append(try popToMark(position), position)
        case .setItem:
            let value = try pop(position)
            try setItems([try pop(position), value], position)
        case .setItemsToMark: try setItems(try popToMark(position), position)
        case .memoize: memory[memory.count] = try top(position)
        case .put(let bytes): memory[try number(bytes)] = try top(position)
        case .get(let bytes):
            let number = try number(bytes)
            guard let index = memory[number] else {
                throw reader.invalid("the pickle recalls the value \(number), which it has not kept", at: position)
            }
            stack.append(index)
        case .global, .globalOfStack, .reduce, .build, .persistent: try performObject(operation, position)
        }
    }

    private mutating func performHeader(_ operation: PickleOperation, _ position: Int) throws {
        if case .version = operation {
            let version = try reader.integer(UInt8.self, "the pickle's protocol")
            guard position == 0, Self.protocols.contains(version) else {
                throw reader.invalid("pickle protocol \(version), at the start 2 to 5 are read", at: position)
            }
        } else {
            _ = try reader.count64("the length of a pickle frame", limit: max(0, reader.remaining - 8))
        }
    }

    private mutating func performScalar(_ operation: PickleOperation, _ position: Int) throws {
        switch operation {
        case .unsigned8: push(.integer(Int(try reader.integer(UInt8.self, "an integer"))))
        case .unsigned16: push(.integer(Int(try reader.integer(UInt16.self, "an integer"))))
        case .long:
            let length = Int(try reader.integer(UInt8.self, "the length of an integer"))
            guard length <= 8 else { throw reader.invalid("an integer of \(length) bytes", at: position) }
            let bytes = try reader.bytes(length, "an integer").buffer
            let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            // Two's complement of fewer bytes: the sign moves up.
            push(.integer(length == 0 ? 0 : Int(Int64(bitPattern: bits << (64 - 8 * length)) >> (64 - 8 * length))))
        case .real:
            let bits = try reader.integer(UInt64.self, "a float").byteSwapped
            push(.real(Double(bitPattern: bits)))
        case .string(let lengthBytes):
            let length =
                switch lengthBytes {
                case 1: Int(try reader.integer(UInt8.self, "the length of a string"))
                case 4: Int(try reader.integer(UInt32.self, "the length of a string"))
                default: try reader.count64("the length of a string", limit: reader.remaining)
                }
            guard let text = String(validating: try reader.bytes(length, "a string").buffer, as: UTF8.self) else {
                throw reader.invalid("a string is not UTF-8", at: position)
            }
            push(.string(text))
        default: preconditionFailure("no scalar")
        }
    }

    private mutating func performObject(_ operation: PickleOperation, _ position: Int) throws {
        switch operation {
        case .global:
            let module = try line("the module of a global", position)
            try pushGlobal(try line("the name of a global", position), module: module, position)
        case .globalOfStack:
            guard case .string(let name) = values[try pop(position)],
                case .string(let module) = values[try pop(position)]
            else { throw reader.invalid("a global is not named by two strings", at: position) }
            try pushGlobal(name, module: module, position)
        case .reduce:
            let arguments = try pop(position)
            let function = try pop(position)
            push(try call(function, arguments, position))
        case .build:
            // The state of an ordered dictionary is notes on the modules' versions; it changes no tensor.
            _ = try pop(position)
            guard case .dictionary = values[try top(position)] else {
                throw reader.invalid("the pickle gives a state to \(values[try top(position)].kind)", at: position)
            }
        default:
            let identifier = try pop(position)
            push(try storage(identifier, position))
        }
    }

    private mutating func pushGlobal(_ name: String, module: String, _ position: Int) throws {
        guard let global = PickleGlobal.named(name, module: module) else {
            throw refusal("the pickle asks for \(quoted(module + "." + name)), which no checkpoint needs", position)
        }
        push(.global(global))
    }

    private mutating func append(_ elements: [Int], _ position: Int) throws {
        let index = try top(position)
        guard case .list(var list) = values[index] else {
            throw reader.invalid("the pickle appends to \(values[index].kind)", at: position)
        }
        // Without this the list would be shared, and copied for each element.
        values[index] = .none
        list.append(contentsOf: elements)
        values[index] = .list(list)
    }

    private mutating func setItems(_ items: [Int], _ position: Int) throws {
        let index = try top(position)
        guard case .dictionary(var pairs) = values[index] else {
            throw reader.invalid("the pickle sets items of \(values[index].kind)", at: position)
        }
        guard items.count.isMultiple(of: 2) else {
            throw reader.invalid("the pickle sets a key without a value", at: position)
        }
        values[index] = .none
        for item in stride(from: 0, to: items.count, by: 2) { pairs.append((items[item], items[item + 1])) }
        values[index] = .dictionary(pairs)
    }

    private mutating func push(_ value: PickleValue) {
        stack.append(values.count)
        values.append(value)
    }

    /// The index on top of the stack, which must lie above the last mark.
    private func top(_ position: Int) throws -> Int {
        guard let index = stack.last, stack.count > marks.last ?? 0 else {
            throw reader.invalid("the pickle takes a value from an empty stack", at: position)
        }
        return index
    }

    private mutating func pop(_ position: Int) throws -> Int {
        let index = try top(position)
        stack.removeLast()
        return index
    }

    private mutating func popToMark(_ position: Int) throws -> [Int] {
        guard let mark = marks.popLast() else {
            throw reader.invalid("the pickle takes values up to a mark that it has not set", at: position)
        }
        let popped = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return popped
    }

    private mutating func number(_ bytes: Int) throws -> Int {
        bytes == 1
            ? Int(try reader.integer(UInt8.self, "a number of the memory"))
            : Int(try reader.integer(UInt32.self, "a number of the memory"))
    }

    private mutating func line(_ what: String, _ position: Int) throws -> String {
        let window = reader.region.buffer[reader.offset...].prefix(Self.maximumNameLength + 1)
        guard let end = window.firstIndex(of: UInt8(ascii: "\n")) else {
            throw reader.invalid("\(what) has no end within \(Self.maximumNameLength) bytes", at: position)
        }
        let bytes = try reader.bytes(end - reader.offset, what).buffer
        _ = try reader.bytes(1, what)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw reader.invalid("\(what) is not UTF-8", at: position)
        }
        return text
    }

    private func refusal(_ reason: String, _ position: Int) -> CheckpointError {
        .unsupported(file: reader.region.source, offset: position, reason: reason)
    }
}
