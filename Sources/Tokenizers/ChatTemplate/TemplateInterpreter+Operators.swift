extension TemplateValue {
    init(_ number: TemplateNumber) {
        switch number {
        case .int(let value): self = .int(value)
        case .float(let value): self = .float(value)
        }
    }
}

/// What comes before what.
enum TemplateOrder {
    /// Whether `left` comes before `right`: numbers by size, strings by their characters, lists item by item.
    static func isLess(_ left: TemplateValue, _ right: TemplateValue, visit: () throws -> Void) throws -> Bool {
        try visit()
        switch (left, right) {
        case (.string(let one), .string(let another)): return one.utf8.lexicographicallyPrecedes(another.utf8)
        case (.list(let one), .list(let another)), (.tuple(let one), .tuple(let another)):
            for (left, right) in zip(one, another) where try !left.equals(right, visit: visit) {
                return try isLess(left, right, visit: visit)
            }
            return one.count < another.count
        default:
            guard let one = left.number, let another = right.number else {
                throw TemplateFault("\(left.kindName) and \(right.kindName) have no order")
            }
            return one < another
        }
    }
}

extension TemplateInterpreter {
    func compare(
        _ operation: TemplateComparison, _ left: (value: TemplateValue, expression: TemplateExpression),
        _ right: (value: TemplateValue, expression: TemplateExpression)
    ) throws -> Bool {
        switch operation {
        case .equal: return try areEqual(left.value, right.value)
        case .notEqual: return try !areEqual(left.value, right.value)
        case .contained: return try contains(right.value, left.value)
        case .notContained: return try !contains(right.value, left.value)
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            try requireDefined(left.value, left.expression)
            try requireDefined(right.value, right.expression)
            return try isOrdered(operation, left.value, right.value)
        }
    }

    func isOrdered(_ operation: TemplateComparison, _ left: TemplateValue, _ right: TemplateValue) throws -> Bool {
        switch operation {
        case .less: return try TemplateOrder.isLess(left, right) { try charge() }
        case .greater: return try TemplateOrder.isLess(right, left) { try charge() }
        case .lessOrEqual:
            return try TemplateOrder.isLess(left, right) { try charge() } || areEqual(left, right)
        default: return try TemplateOrder.isLess(right, left) { try charge() } || areEqual(left, right)
        }
    }

    /// Whether `value` is in `container`.
    func contains(_ container: TemplateValue, _ value: TemplateValue) throws -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = value else {
                throw TemplateFault("\(value.kindName) cannot be looked for in a string")
            }
            try charge(bytes: text.utf8.count)
            return text.containsBytes(of: part)
        case .dictionary(let entries):
            guard TemplateDictionary.isKey(value) else {
                if case .undefined = value { return false }
                throw TemplateFault("\(value.kindName) cannot be a key")
            }
            return entries[value] != nil
        default: return try items(of: container).contains { try areEqual($0, value) }
        }
    }

    func arithmetic(
        _ operation: TemplateArithmetic, _ left: TemplateValue, _ right: TemplateValue
    ) throws -> TemplateValue {
        switch (operation, left, right) {
        case (.add, .string(let one), .string(let another)):
            try chargeString(bytes: one.utf8.count + another.utf8.count)
            return .string(one + another)
        case (.add, .list(let one), .list(let another)):
            try chargeItems(one.count + another.count)
            return .list(one + another)
        case (.add, .tuple(let one), .tuple(let another)):
            try chargeItems(one.count + another.count)
            return .tuple(one + another)
        case (.multiply, .string(let text), .int(let count)), (.multiply, .int(let count), .string(let text)):
            try chargeString(bytes: product(text.utf8.count, count))
            return .string(String(repeating: text, count: max(0, count)))
        case (.multiply, .list(let items), .int(let count)), (.multiply, .int(let count), .list(let items)):
            try chargeItems(product(items.count, count))
            return .list(Array(repeatElement(items, count: max(0, count)).joined()))
        default: break
        }
        guard let one = left.number, let another = right.number else {
            throw TemplateFault(
                "'\(operation.rawValue)' does not work on \(left.kindName) and \(right.kindName)")
        }
        if case .int(let one) = one, case .int(let another) = another { return try integers(operation, one, another) }
        return try floats(operation, one.double, another.double)
    }

    /// How much `size`, `count` times, is; a very large number where it does not fit.
    private func product(_ size: Int, _ count: Int) -> Int {
        let (value, overflows) = size.multipliedReportingOverflow(by: max(0, count))
        return overflows ? .max : value
    }

    private func integers(_ operation: TemplateArithmetic, _ left: Int, _ right: Int) throws -> TemplateValue {
        func exact(_ result: (partialValue: Int, overflow: Bool)) throws -> TemplateValue {
            guard !result.overflow else { throw TemplateFault("a number does not fit 64 bits") }
            return .int(result.partialValue)
        }
        switch operation {
        case .add: return try exact(left.addingReportingOverflow(right))
        case .subtract: return try exact(left.subtractingReportingOverflow(right))
        case .multiply: return try exact(left.multipliedReportingOverflow(by: right))
        case .divide: return try floats(.divide, Double(left), Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw TemplateFault("a division by zero") }
            if right == -1 { return operation == .modulo ? .int(0) : try exact((0).subtractingReportingOverflow(left)) }
            let remainder = left % right
            // Rounded down, and the remainder takes the divisor's sign.
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            return .int(operation == .modulo ? remainder + (isBelow ? right : 0) : left / right - (isBelow ? 1 : 0))
        case .power:
            guard right >= 0 else { return try floats(.power, Double(left), Double(right)) }
            var result = TemplateValue.int(1)
            var base = left
            var exponent = right
            while exponent > 0 {
                if exponent & 1 == 1 {
                    guard case .int(let value) = result else { break }
                    result = try exact(value.multipliedReportingOverflow(by: base))
                }
                exponent >>= 1
                guard exponent > 0 else { break }
                guard case .int(let square) = try exact(base.multipliedReportingOverflow(by: base)) else { break }
                base = square
            }
            return result
        }
    }

    private func floats(_ operation: TemplateArithmetic, _ left: Double, _ right: Double) throws -> TemplateValue {
        switch operation {
        case .add: return .float(left + right)
        case .subtract: return .float(left - right)
        case .multiply: return .float(left * right)
        case .power: return .float(try TemplateMath.power(left, right))
        case .divide, .floorDivide, .modulo:
            guard right != 0 else { throw TemplateFault("a division by zero") }
            if operation == .divide { return .float(left / right) }
            var remainder = left.truncatingRemainder(dividingBy: right)
            if remainder != 0, (remainder < 0) != (right < 0) { remainder += right }
            return .float(operation == .modulo ? remainder : ((left - remainder) / right).rounded())
        }
    }
}
