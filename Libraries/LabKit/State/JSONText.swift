public import FoundationEssentials
import LabCore

/// A JSON document as text, made by an encoder or read from the database, and spliced whole into larger ones: what
/// is only passed on is not parsed again.
public struct JSONText: Sendable, Hashable {
    public let text: String

    /// Takes text that is known to be one JSON document.
    public init(trusted text: String) {
        self.text = text
    }

    /// Encodes a value with sorted keys, so that equal values give equal text.
    public init(encoding value: some Encodable) throws {
        text = String(decoding: try Self.encoder.encode(value), as: UTF8.self)
    }

    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try Self.decoder.decode(type, from: Data(text.utf8))
    }

    /// Sorted keys, RFC 3339 dates in UTC, plain slashes: the one JSON form of the platform.
    public static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.rfc3339)
        }
        return encoder
    }

    public static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            guard let date = Date(rfc3339: try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "not a time in RFC 3339, such as 2026-01-31T10:20:30Z")
            }
            return date
        }
        return decoder
    }
}

/// Writes JSON text piece by piece, for the few places where an encoder would be the main cost.
public struct JSONWriter: Sendable {
    public private(set) var text = ""
    private var needsComma = false

    public init() {}

    public mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
        separate()
        text += "{"
        needsComma = false
        try members(&self)
        text += "}"
        needsComma = true
    }

    public mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
        separate()
        text += "["
        needsComma = false
        try elements(&self)
        text += "]"
        needsComma = true
    }

    public mutating func key(_ name: StaticString) {
        separate()
        text += "\"\(name)\":"
        needsComma = false
    }

    public mutating func string(_ value: String) {
        separate()
        text += "\""
        let needsEscape = value.utf8.contains { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
        if needsEscape {
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case "\n": text += "\\n"
                case "\r": text += "\\r"
                case "\t": text += "\\t"
                case _ where scalar.value < 0x20:
                    let digits = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: text.unicodeScalars.append(scalar)
                }
            }
        } else {
            text += value
        }
        text += "\""
        needsComma = true
    }

    public mutating func integer(_ value: Int64) {
        literal(String(value))
    }

    public mutating func boolean(_ value: Bool) {
        literal(value ? "true" : "false")
    }

    public mutating func null() {
        literal("null")
    }

    public mutating func raw(_ value: JSONText) {
        literal(value.text)
    }

    private mutating func literal(_ value: String) {
        separate()
        text += value
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { text += "," }
        needsComma = false
    }
}
