import CYAML

/// What a YAML text consists of, one after another: the events of libyaml's parser.
///
/// - Note: The only user of libyaml. The parser is given to a closure and does not outlive it, nor does the text.
struct YAMLEvents: ~Copyable {
    /// An event, and the line and the column at which it begins, both from 1.
    struct Event {
        enum Kind {
            case documentStart
            case documentEnd
            case streamEnd
            /// One that is not plain, such as a quoted one, is text whatever it looks like.
            case scalar(text: String, isPlain: Bool, tag: String?)
            case alias(String)
            case sequenceStart
            case sequenceEnd
            case mappingStart
            case mappingEnd
        }

        let kind: Kind
        let anchor: String?
        let line: Int
        let column: Int

        func error(_ problem: String) -> YAMLError {
            YAMLError(problem: problem, line: line, column: column)
        }
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// Lets `body` read the events of `text`.
    static func read<Value>(_ text: String, _ body: (borrowing YAMLEvents) throws -> Value) throws -> Value {
        try withUnsafeTemporaryAllocation(of: yaml_parser_t.self, capacity: 1) { storage in
            guard let parser = storage.baseAddress, yaml_parser_initialize(parser) == 1 else {
                throw YAMLError(problem: "there is no memory for a parser", line: 1, column: 1)
            }
            defer { yaml_parser_delete(parser) }
            var text = text
            return try text.withUTF8 { bytes in
                yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
                // Without it a byte order mark would decide, and text of Swift is UTF-8 always.
                yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
                return try body(YAMLEvents(parser: parser))
            }
        }
    }

    /// The next event; after ``Event/Kind/streamEnd`` there is none.
    ///
    /// - Throws: ``YAMLError`` where the text is not YAML.
    func next() throws(YAMLError) -> Event {
        var event = yaml_event_t()
        while true {
            guard yaml_parser_parse(parser, &event) == 1 else { throw problem() }
            defer { yaml_event_delete(&event) }
            if let next = Self.event(event) { return next }
        }
    }

    private static func event(_ event: yaml_event_t) -> Event? {
        func make(_ kind: Event.Kind, anchor: UnsafePointer<yaml_char_t>? = nil) -> Event {
            Event(
                kind: kind, anchor: string(anchor), line: Int(event.start_mark.line) + 1,
                column: Int(event.start_mark.column) + 1)
        }
        switch event.type {
        case YAML_DOCUMENT_START_EVENT: return make(.documentStart)
        case YAML_DOCUMENT_END_EVENT: return make(.documentEnd)
        case YAML_STREAM_END_EVENT: return make(.streamEnd)
        case YAML_SEQUENCE_START_EVENT: return make(.sequenceStart, anchor: event.data.sequence_start.anchor)
        case YAML_SEQUENCE_END_EVENT: return make(.sequenceEnd)
        case YAML_MAPPING_START_EVENT: return make(.mappingStart, anchor: event.data.mapping_start.anchor)
        case YAML_MAPPING_END_EVENT: return make(.mappingEnd)
        case YAML_ALIAS_EVENT: return make(.alias(string(event.data.alias.anchor) ?? ""))
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return make(
                .scalar(text: text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE, tag: string(scalar.tag)),
                anchor: scalar.anchor)
        default: return nil
        }
    }

    private static func string(_ text: UnsafePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }

    /// What the parser says, at the place that it says. Its reader knows no place, so that the parser's own is told.
    private func problem() -> YAMLError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it cannot be read"
        let context = parser.pointee.context.map { " " + String(cString: $0) } ?? ""
        let mark = parser.pointee.error == YAML_READER_ERROR ? parser.pointee.mark : parser.pointee.problem_mark
        return YAMLError(problem: problem + context, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}
