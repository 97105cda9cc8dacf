import FoundationEssentials
import LabCore

extension JSONSchema {
    /// Derives the schema of a type from its `Decodable` conformance: a decoder that records what is asked for and
    /// answers with examples. What the type decodes is by construction what the schema says.
    public init<Value: Decodable>(recording type: Value.Type) throws {
        self = try SchemaRecorder.record(type).schema
    }
}

/// Walks `init(from:)` of a type once and notes every key and type.
enum SchemaRecorder {
    struct Recording<Value> {
        let schema: JSONSchema
        let value: Value
    }

    /// A class, because decoders are copied while one object is recorded.
    final class Node {
        var schema: JSONSchema?
        var properties: [JSONSchema.Property] = []
        var isObject = false

        func add(_ name: String, _ schema: JSONSchema, isRequired: Bool) {
            isObject = true
            if !properties.contains(where: { $0.name == name }) {
                properties.append(JSONSchema.Property(name, schema, isRequired: isRequired))
            }
        }

        var result: JSONSchema {
            if isObject { return .object(properties) }
            return schema ?? .any
        }
    }

    static func record<Value: Decodable>(_ type: Value.Type) throws -> Recording<Value> {
        if let known = try known(type) { return known }
        let node = Node()
        let value = try Value(from: RecordingDecoder(node: node, codingPath: []))
        return Recording(schema: node.result, value: value)
    }

    private static func known<Value: Decodable>(_ type: Value.Type) throws -> Recording<Value>? {
        func made<Known>(_ schema: JSONSchema, _ value: Known) -> Recording<Value>? {
            (value as? Value).map { Recording(schema: schema, value: $0) }
        }
        switch type {
        case let representable as any JSONSchemaRepresentable.Type:
            return try made(representable.jsonSchema, representable.schemaExample)
        case let container as any SchemaContainer.Type:
            return try made(container.recordedSchema(), container.emptyValue)
        case is String.Type: return made(.string(), "")
        case is Bool.Type: return made(.boolean, false)
        case is Int.Type: return made(.integer(), 0)
        case is Int64.Type: return made(.integer(), Int64(0))
        case is Int32.Type: return made(.integer(Int64(Int32.min)...Int64(Int32.max)), Int32(0))
        case is UInt16.Type: return made(.integer(0...65535), UInt16(0))
        case is Double.Type: return made(.number, 0.0)
        case is Date.Type: return made(.string(format: "date-time"), Date(timeIntervalSince1970: 0))
        case is UUIDv7.Type: return made(.string(format: "uuid"), UUIDv7(at: Date(timeIntervalSince1970: 0)))
        case is JSONValue.Type: return made(.any, JSONValue.object([:]))
        default:
            if let cases = (type as? any CaseIterable.Type).map({ allCases($0) }) as? [any RawRepresentable],
                let first = cases.first as? Value
            {
                let values = cases.compactMap { $0.rawValue as? String }
                return Recording(schema: .string(values: values), value: first)
            }
            return nil
        }
    }

    private static func allCases<Enumeration: CaseIterable>(_ type: Enumeration.Type) -> [Any] {
        Array(type.allCases)
    }
}

/// Collections and optionals, whose schemas are made from those of their elements.
private protocol SchemaContainer {
    static func recordedSchema() throws -> JSONSchema
    static var emptyValue: Self { get }
}

extension Optional: SchemaContainer where Wrapped: Decodable {
    static func recordedSchema() throws -> JSONSchema {
        var schema = try SchemaRecorder.record(Wrapped.self).schema
        schema.isNullable = true
        return schema
    }
    static var emptyValue: Self { nil }
}

extension Array: SchemaContainer where Element: Decodable {
    static func recordedSchema() throws -> JSONSchema { .array(of: try SchemaRecorder.record(Element.self).schema) }
    static var emptyValue: Self { [] }
}

extension Set: SchemaContainer where Element: Decodable {
    static func recordedSchema() throws -> JSONSchema { .array(of: try SchemaRecorder.record(Element.self).schema) }
    static var emptyValue: Self { [] }
}

extension Dictionary: SchemaContainer where Key == String, Value: Decodable {
    static func recordedSchema() throws -> JSONSchema { JSONSchema(.map(try SchemaRecorder.record(Value.self).schema)) }
    static var emptyValue: Self { [:] }
}

// MARK: - The decoder

private struct RecordingDecoder: Decoder {
    let node: SchemaRecorder.Node
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        node.isObject = true
        return KeyedDecodingContainer(KeyedRecorder<Key>(node: node, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw Self.unsupported(codingPath, "an unkeyed container")
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        SingleValueRecorder(node: node, codingPath: codingPath)
    }

    static func unsupported(_ path: [any CodingKey], _ what: String) -> DecodingError {
        .dataCorrupted(
            .init(
                codingPath: path,
                debugDescription: "\(what) cannot be recorded: make the type JSONSchemaRepresentable"))
    }
}

private struct KeyedRecorder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let node: SchemaRecorder.Node
    let codingPath: [any CodingKey]
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) throws -> Bool { false }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let recording = try SchemaRecorder.record(type)
        node.add(key.stringValue, recording.schema, isRequired: true)
        return recording.value
    }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        var schema = try SchemaRecorder.record(type).schema
        schema.isNullable = true
        node.add(key.stringValue, schema, isRequired: false)
        return nil
    }

    // The overloads for primitive types would otherwise throw away what is recorded.
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try primitive(key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try primitive(key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try primitive(key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try primitive(key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try primitive(key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try primitive(key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try primitive(key) }
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try optional(type, key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try optional(type, key) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try optional(type, key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try optional(type, key) }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try optional(type, key) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try optional(type, key) }
    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? { try optional(type, key) }

    private func primitive<Value: Decodable>(_ key: Key) throws -> Value {
        let recording = try SchemaRecorder.record(Value.self)
        node.add(key.stringValue, recording.schema, isRequired: true)
        return recording.value
    }

    private func optional<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value? {
        var schema = try SchemaRecorder.record(type).schema
        schema.isNullable = true
        node.add(key.stringValue, schema, isRequired: false)
        return nil
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        throw RecordingDecoder.unsupported(codingPath + [key], "a nested container")
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw RecordingDecoder.unsupported(codingPath + [key], "a nested container")
    }

    func superDecoder() throws -> any Decoder { RecordingDecoder(node: node, codingPath: codingPath) }
    func superDecoder(forKey key: Key) throws -> any Decoder { RecordingDecoder(node: node, codingPath: codingPath) }
}

private struct SingleValueRecorder: SingleValueDecodingContainer {
    let node: SchemaRecorder.Node
    let codingPath: [any CodingKey]

    func decodeNil() -> Bool { false }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let recording = try SchemaRecorder.record(type)
        node.schema = recording.schema
        return recording.value
    }
}
