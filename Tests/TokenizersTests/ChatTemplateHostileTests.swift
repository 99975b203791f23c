import Testing
import Tokenizers

@Suite("Chat templates that mean harm, or are broken") struct ChatTemplateHostileTests {
    private func render(_ template: String, _ limits: ChatTemplateLimits = ChatTemplateLimits()) throws -> String {
        try ChatTemplate(template).render(TemplateDictionary(), limits: limits)
    }

    @Test(
        "what would take all time or all memory ends at a limit",
        arguments: [
            ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", ChatTemplateError.Limit.nesting),
            ("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", .nesting),
            ("{{ range(999999999999) }}", .items),
            ("{{ range(-9223372036854775807, 9223372036854775807) }}", .items),
            ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", .steps),
            ("{{ 'x' * 10000000 }}", .stringBytes),
            ("{{ 'x' * 9223372036854775807 }}", .stringBytes),
            ("{{ [1] * 9223372036854775807 }}", .items),
            ("{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}", .outputBytes),
            (
                "{% set ns = namespace(x='xx') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
                .stringBytes
            ),
            ("{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", .items),
            ("{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}", .nesting),
            ("{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}", .steps),
            ("{{ ('x' * 1000000)|replace('x', 'x' * 1000000) }}", .stringBytes),
            ("{{ ('a' * 9000)|join('b' * 9000) }}", .stringBytes),
            ("{{ 'a'|indent(99999999999) }}", .stringBytes),
            ("{{ [1]|batch(99999999999, 0)|list }}", .items),
            ("{{ 'a'|center(99999999999) }}", .stringBytes),
        ])
    func limits(_ template: String, _ limit: ChatTemplateError.Limit) throws {
        let error = #expect(throws: ChatTemplateError.self) { try render(template) }
        guard case .limit(let found, _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found == limit)
    }

    @Test("a limit that is set is the one that holds")
    func smallLimits() throws {
        var limits = ChatTemplateLimits()
        limits.outputBytes = 10
        #expect(try render("{{ 'x' * 10 }}", limits) == "xxxxxxxxxx")
        #expect(throws: ChatTemplateError.self) { try render("{{ 'x' * 11 }}", limits) }
    }

    @Test(
        "depth in the source is refused before it is read",
        arguments: [
            String(repeating: "(", count: 100_000), "{{ " + String(repeating: "[", count: 50_000),
            "{{ " + String(repeating: "not ", count: 50_000) + "1 }}",
            "{{ " + String(repeating: "-", count: 50_000) + "1 }}",
            "{{ 1" + String(repeating: "+1", count: 50_000) + " }}",
            "{{ a" + String(repeating: ".a", count: 50_000) + " }}",
            "{{ a" + String(repeating: "|e", count: 50_000) + " }}",
            "{{ a" + String(repeating: " if 1 else a", count: 50_000) + " }}",
            String(repeating: "{% if 1 %}", count: 50_000), String(repeating: "{% filter e %}", count: 50_000),
            "{% filter " + String(repeating: "e|", count: 50_000) + "e %}{% endfilter %}",
            "{% set " + String(repeating: "(", count: 50_000),
        ])
    func deepSource(_ source: String) {
        let template = source.hasPrefix("{") ? source : "{{ " + source
        #expect(throws: ChatTemplateError.self) { try ChatTemplate(template) }
    }

    @Test(
        "nothing can be reached through attributes",
        arguments: [
            "''.__class__", "[].__class__", "{}.__class__", "(1).__class__", "range.__globals__", "range.__self__",
            "namespace().__init__", "''['__class__']", "''|attr('__class__')", "''.upper.__func__", "none.__class__",
            "dict.fromkeys", "''.encode", "raise_exception.__code__", "self", "_self", "environment", "caller",
            "joiner().__init__", "[].__len__", "lipsum", "cycler", "open", "import", "config",
        ])
    func attributes(_ expression: String) throws {
        #expect(try render("{{ \(expression) is defined }}") == "False")
        #expect(throws: ChatTemplateError.self) { try render("{{ (\(expression))() }}") }
        #expect(throws: ChatTemplateError.self) { try render("{{ (\(expression)).anything }}") }
    }

    @Test(
        "other files cannot be asked for",
        arguments: ["include 'x'", "import 'x' as y", "from 'x' import y", "extends 'x'", "block b"])
    func otherFiles(_ tag: String) {
        #expect(throws: ChatTemplateError.self) { try ChatTemplate("{% \(tag) %}") }
    }

    @Test(
        "a mistake in the source is reported where it is",
        arguments: [
            ("a\n  {{ b", 2, 3), ("{% if x %}\n", 1, 1), ("a\n{# never", 2, 1), ("\n\n{{ 'open }}", 3, 4),
            ("{% raw %} {% endra %}", 1, 1), ("é {{ a b }}", 1, 8), ("{{ (1 }}", 1, 7), ("{{ [1\n", 1, 4),
            ("{% for x in y %}\n{% endif %}", 2, 1), ("{% nonsense %}", 1, 1), ("{{ 1 ! 2 }}", 1, 6),
            ("{% set x = %}", 1, 12), ("{% macro m(a %}", 1, 15), ("{{ '\\ud800' }}", 1, 4), ("{% break %}", 1, 1),
            ("{{ 99999999999999999999 }}", 1, 4), ("{%", 1, 1), ("{{", 1, 1), ("{% for x in y recursive %}", 1, 15),
        ])
    func sourcePositions(_ source: String, _ line: Int, _ column: Int) {
        let error = #expect(throws: ChatTemplateError.self) { try ChatTemplate(source) }
        guard case .syntax(_, let position)? = error else {
            Issue.record("\(source): \(String(describing: error))")
            return
        }
        #expect(position.line == line && position.column == column, "\(source): \(position)")
    }

    @Test(
        "a failure while rendering is reported where it is, and says what is missing",
        arguments: [
            ("ok\n{{ user.name }}", 2, 8, "'user' is undefined"), ("{{ 1 + 'a' }}", 1, 6, "'+' does not work"),
            ("{{ {}.a.b.c }}", 1, 8, "'a' is undefined"), ("\n\n {{ f(1) }}", 3, 6, "'f' is undefined"),
            ("{{ 1|nonsense }}", 1, 5, "there is no filter 'nonsense'"), ("{{ [].append(1) }}", 1, 13, "refused"),
        ])
    func failures(_ source: String, _ line: Int, _ column: Int, _ words: String) {
        let error = #expect(throws: ChatTemplateError.self) { try render(source) }
        guard case .evaluation(let message, let position)? = error else {
            Issue.record("\(source): \(String(describing: error))")
            return
        }
        #expect(message.contains(words), "\(message)")
        #expect(position.line == line && position.column == column, "\(source): \(position)")
    }

    @Test("every beginning of a template is read or refused")
    func cutOff() throws {
        let template =
            "{%- macro m(a, b=[1]) -%}{{ a ~ 'x\\n' if b is not none else {'k': b[1:]}|tojson }}{% endmacro %}"
            + "{% for x, y in d.items() if x %}{# c #}{% raw %}{{{% endraw %}{{- m(x, b=y) -}}{% endfor %}"
        let all = Array(template.unicodeScalars)
        var read = 0
        for length in 0...all.count {
            let part = String(String.UnicodeScalarView(all.prefix(length)))
            if (try? ChatTemplate(part)) != nil { read += 1 }
        }
        #expect(read > 0 && read < all.count / 2)
    }
}
