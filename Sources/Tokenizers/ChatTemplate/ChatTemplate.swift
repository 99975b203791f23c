/// A conversation's message, as the chat routes carry it.
package struct ChatMessage: Sendable, Equatable {
    /// `system`, `user`, `assistant`, `tool`, or what else the model's template knows.
    package var role: String
    /// A string, none, or a list of parts.
    package var content: TemplateValue
    /// What the message has besides: `tool_calls`, `tool_call_id`, `name`, `reasoning_content`.
    package var extra: TemplateDictionary

    /// - Parameters:
    ///   - role: who speaks.
    ///   - content: what is said.
    ///   - extra: further fields.
    package init(role: String, content: TemplateValue, extra: TemplateDictionary = TemplateDictionary()) {
        self.role = role
        self.content = content
        self.extra = extra
    }

    var value: TemplateValue {
        var entries = TemplateDictionary()
        entries["role"] = .string(role)
        entries["content"] = content
        for (key, value) in extra { entries[key] = value }
        return .dictionary(entries)
    }
}

/// A model's chat template: turns a conversation into the text that the model was trained to continue.
///
/// The language is the part of Jinja that published templates use, with the settings and the additional functions
/// that they are written for (`models/chat-templates/MODEL.md` lists it). A template is data: it computes with the
/// values it is given, within limits, and can reach nothing else.
package struct ChatTemplate: Sendable {
    private let source: TemplateSource
    private let statements: [TemplateStatement]

    /// Reads a template.
    ///
    /// - Throws: `.syntax` with the line and the column of the mistake.
    package init(_ text: String) throws(ChatTemplateError) {
        source = TemplateSource(text)
        do {
            statements = try TemplateParser.parse(source)
        } catch let fault as TemplateSyntaxFault {
            throw .syntax(fault.message, source.position(of: fault.offset))
        } catch {
            throw .syntax(String(describing: error), source.position(of: 0))
        }
    }

    /// Renders a conversation.
    ///
    /// - Parameters:
    ///   - messages: the conversation, oldest first.
    ///   - tools: the functions that the model may call, as JSON schemas; nil is the template's `none`.
    ///   - addGenerationPrompt: whether the text ends where the model's answer begins.
    ///   - variables: what else the template may use: `bos_token`, `eos_token`, `enable_thinking`, ….
    ///     They win over the other parameters.
    ///   - limits: what the rendering may use.
    ///   - time: what the clock shows, asked only if the template does.
    /// - Throws: `.refused` with the template's own words, `.evaluation`, or `.limit`.
    package func render(
        messages: [ChatMessage], tools: [TemplateValue]? = nil, addGenerationPrompt: Bool = true,
        variables: TemplateDictionary = TemplateDictionary(), limits: ChatTemplateLimits = ChatTemplateLimits(),
        time: @escaping @Sendable () -> TemplateTime = TemplateTime.now
    ) throws(ChatTemplateError) -> String {
        var context = TemplateDictionary()
        context["messages"] = .list(messages.map(\.value))
        context["tools"] = tools.map { .list($0) } ?? TemplateValue.none
        context["documents"] = TemplateValue.none
        context["add_generation_prompt"] = .bool(addGenerationPrompt)
        for (key, value) in variables { context[key] = value }
        return try render(context, limits: limits, time: time)
    }

    /// Renders with exactly these variables.
    ///
    /// - Parameters:
    ///   - variables: what names in the template stand for; keys that are not strings are left out.
    ///   - limits: what the rendering may use.
    ///   - time: what the clock shows, asked only if the template does.
    /// - Throws: `.refused` with the template's own words, `.evaluation`, or `.limit`.
    package func render(
        _ variables: TemplateDictionary, limits: ChatTemplateLimits = ChatTemplateLimits(),
        time: @escaping @Sendable () -> TemplateTime = TemplateTime.now
    ) throws(ChatTemplateError) -> String {
        var names: [String: TemplateValue] = [:]
        for (key, value) in variables {
            if case .string(let name) = key { names[name] = value }
        }
        let interpreter = TemplateInterpreter(variables: names, limits: limits, time: time)
        do {
            for value in names.values { _ = try interpreter.checkedNesting(value) }
            _ = try interpreter.execute(statements)
            return interpreter.output
        } catch {
            throw failure(error, at: source.position(of: interpreter.offset))
        }
    }

    private func failure(_ error: any Error, at position: ChatTemplateError.Position) -> ChatTemplateError {
        guard let fault = error as? TemplateFault else { return .evaluation(String(describing: error), position) }
        switch fault.kind {
        case .evaluation: return .evaluation(fault.message, position)
        case .refused: return .refused(fault.message, position)
        case .limit(let limit): return .limit(limit, fault.message, position)
        }
    }
}

extension TemplateValue {
    /// Reads JSON, with its keys in their order.
    ///
    /// - Throws: `.evaluation` that says at which byte the text is not JSON; the position is that of the whole.
    package init(json: String) throws(ChatTemplateError) {
        do {
            self = try TemplateJSONReader.read(json)
        } catch {
            let message = (error as? TemplateFault)?.message ?? String(describing: error)
            throw .evaluation(message, ChatTemplateError.Position(line: 1, column: 1))
        }
    }
}
