public import LabCore

/// The part of JSON Schema 2020-12 that the platform's inputs and outputs need: it documents them, and refuses what
/// does not fit with the field, what was wrong and what would be right.
public struct JSONSchema: Sendable, Hashable {
    public indirect enum Shape: Sendable, Hashable {
        case any
        case boolean
        case integer(minimum: Int64?, maximum: Int64?)
        case number(minimum: Double?, maximum: Double?)
        case string(StringRules)
        case array(items: JSONSchema, minimum: Int?, maximum: Int?)
        case object([Property])
        /// An object with any keys and values of one shape.
        case map(JSONSchema)
    }

    public struct StringRules: Sendable, Hashable {
        public var format: String?
        /// For documentation: a JavaScript regular expression. The type's own initializer is what checks.
        public var pattern: String?
        public var minimumLength: Int?
        public var maximumLength: Int?
        /// When not nil, the only values.
        public var values: [String]?

        public init(
            format: String? = nil, pattern: String? = nil, minimumLength: Int? = nil, maximumLength: Int? = nil,
            values: [String]? = nil
        ) {
            self.format = format
            self.pattern = pattern
            self.minimumLength = minimumLength
            self.maximumLength = maximumLength
            self.values = values
        }
    }

    public struct Property: Sendable, Hashable {
        public let name: String
        public var schema: JSONSchema
        public var isRequired: Bool

        public init(_ name: String, _ schema: JSONSchema, isRequired: Bool = true) {
            self.name = name
            self.schema = schema
            self.isRequired = isRequired
        }
    }

    public var shape: Shape
    public var isNullable = false
    public var summary: String?
    public var example: JSONValue?

    public init(_ shape: Shape, summary: String? = nil, example: JSONValue? = nil) {
        self.shape = shape
        self.summary = summary
        self.example = example
    }

    public static var any: JSONSchema { JSONSchema(.any) }
    public static var boolean: JSONSchema { JSONSchema(.boolean) }
    public static var number: JSONSchema { JSONSchema(.number(minimum: nil, maximum: nil)) }

    public static func integer(_ range: ClosedRange<Int64>? = nil) -> JSONSchema {
        JSONSchema(.integer(minimum: range?.lowerBound, maximum: range?.upperBound))
    }

    public static func string(
        format: String? = nil, pattern: String? = nil, minimumLength: Int? = nil, maximumLength: Int? = nil,
        values: [String]? = nil, example: JSONValue? = nil
    ) -> JSONSchema {
        JSONSchema(
            .string(
                StringRules(
                    format: format, pattern: pattern, minimumLength: minimumLength, maximumLength: maximumLength,
                    values: values)),
            example: example)
    }

    public static func array(of items: JSONSchema, minimum: Int? = nil, maximum: Int? = nil) -> JSONSchema {
        JSONSchema(.array(items: items, minimum: minimum, maximum: maximum))
    }

    public static func object(_ properties: [Property]) -> JSONSchema {
        JSONSchema(.object(properties))
    }

    /// The properties of an object's schema; none for another shape.
    public var properties: [Property] {
        guard case .object(let properties) = shape else { return [] }
        return properties
    }

    public func property(_ name: String) -> JSONSchema? {
        properties.first { $0.name == name }?.schema
    }
}

/// A type that knows its schema, for types whose `Codable` form does not show it: texts with rules, ranges.
public protocol JSONSchemaRepresentable {
    static var jsonSchema: JSONSchema { get }
    /// Any valid value: what the recording decoder answers with.
    static var schemaExample: Self { get throws }
}

// MARK: - As a document

extension JSONSchema {
    /// The schema as OpenAPI 3.1 and JSON Schema 2020-12 write it.
    public var document: JSONValue {
        var members: [String: JSONValue] = [:]
        switch shape {
        case .any:
            break
        case .boolean:
            members["type"] = "boolean"
        case .integer(let minimum, let maximum):
            members["type"] = "integer"
            if let minimum { members["minimum"] = .integer(minimum) }
            if let maximum { members["maximum"] = .integer(maximum) }
        case .number(let minimum, let maximum):
            members["type"] = "number"
            if let minimum { members["minimum"] = .number(minimum) }
            if let maximum { members["maximum"] = .number(maximum) }
        case .string(let rules):
            members["type"] = "string"
            if let format = rules.format { members["format"] = .string(format) }
            if let pattern = rules.pattern { members["pattern"] = .string(pattern) }
            if let length = rules.minimumLength { members["minLength"] = .integer(Int64(length)) }
            if let length = rules.maximumLength { members["maxLength"] = .integer(Int64(length)) }
            if let values = rules.values { members["enum"] = .array(values.map { .string($0) }) }
        case .array(let items, let minimum, let maximum):
            members["type"] = "array"
            members["items"] = items.document
            if let minimum { members["minItems"] = .integer(Int64(minimum)) }
            if let maximum { members["maxItems"] = .integer(Int64(maximum)) }
        case .object(let properties):
            members["type"] = "object"
            members["properties"] = .object(
                Dictionary(properties.map { ($0.name, $0.schema.document) }) { first, _ in first })
            let required = properties.filter(\.isRequired).map { JSONValue.string($0.name) }
            if !required.isEmpty { members["required"] = .array(required) }
            members["additionalProperties"] = false
        case .map(let values):
            members["type"] = "object"
            members["additionalProperties"] = values.document
        }
        if isNullable, let type = members["type"] {
            members["type"] = [type, "null"]
            if case .array(let values)? = members["enum"] { members["enum"] = .array(values + [.null]) }
        }
        if let summary { members["description"] = .string(summary) }
        if let example { members["examples"] = [example] }
        return .object(members)
    }
}
