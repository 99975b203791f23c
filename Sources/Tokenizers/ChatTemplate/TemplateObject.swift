/// What exists only while a template runs. It says which of the interpreter's tables has the state, so a value
/// that outlives its rendering holds nothing, and no two values can hold each other.
package struct TemplateObject: Sendable {
    indirect enum Kind: Sendable {
        case namespace(Int)
        case loop(Int)
        case macro(Int)
        /// What a filter such as `map` gives: can be walked through once, and has no length.
        case iterator(Int)
        case joiner(Int)
        /// A function that every template may call, by its name.
        case function(String)
        /// A method of a value, not called yet.
        case method(TemplateValue, String)
    }

    let kind: Kind

    var kindName: String {
        switch kind {
        case .namespace: "a namespace"
        case .loop: "the loop"
        case .macro: "a macro"
        case .iterator: "an iterator"
        case .joiner: "a joiner"
        case .function: "a function"
        case .method: "a method"
        }
    }

    var isCallable: Bool {
        switch kind {
        case .macro, .joiner, .function, .method: true
        case .namespace, .loop, .iterator: false
        }
    }

    func isSame(as other: TemplateObject) -> Bool {
        switch (kind, other.kind) {
        case (.namespace(let left), .namespace(let right)), (.loop(let left), .loop(let right)),
            (.macro(let left), .macro(let right)), (.iterator(let left), .iterator(let right)),
            (.joiner(let left), .joiner(let right)):
            left == right
        case (.function(let left), .function(let right)): left == right
        default: false
        }
    }
}

extension TemplateValue {
    static func object(_ kind: TemplateObject.Kind) -> TemplateValue { .object(TemplateObject(kind: kind)) }
}
