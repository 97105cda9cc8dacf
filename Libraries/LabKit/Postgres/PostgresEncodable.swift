public import FoundationEssentials
public import LabCore

/// A value that can be bound to a parameter or copied into a column.
public protocol PostgresEncodable: Sendable {
    /// The type that the parameter is declared with.
    static var postgresType: PostgresType { get }

    func encode(to encoder: inout PostgresEncoder)
}

/// A value that can be an element of an array.
///
/// An array is encoded by its element type, so that bytes can be one `bytea` rather than an array.
public protocol PostgresArrayElement: PostgresEncodable {
    static var postgresArrayType: PostgresType { get }

    static func encode(_ array: [Self], to encoder: inout PostgresEncoder)
}

/// Takes one value after the other, as parameters or as text.
public struct PostgresEncoder: Sendable {
    /// Where values go.
    enum Purpose {
        /// A parameter of a statement, which may be in PostgreSQL's binary form.
        case parameter
        /// Part of a larger text: an element of an array, a field of COPY.
        case text
    }

    let purpose: Purpose
    var bytes: [UInt8] = []
    /// Whether the value that was written last is in binary form.
    var isBinary = false
    var isNull = false

    init(_ purpose: Purpose) {
        self.purpose = purpose
    }

    /// Writes the value as PostgreSQL's text form of its type.
    public mutating func write(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// Writes the value NULL.
    public mutating func writeNull() {
        isNull = true
    }
}

extension String: PostgresArrayElement {
    public static var postgresType: PostgresType { .text }
    public static var postgresArrayType: PostgresType { .textArray }

    public func encode(to encoder: inout PostgresEncoder) {
        // The binary form of text is its bytes. It is sent with its length, so that a zero byte is refused by the
        // server and does not cut the text short.
        encoder.isBinary = encoder.purpose == .parameter
        encoder.write(self)
    }
}

extension Bool: PostgresArrayElement {
    public static var postgresType: PostgresType { .bool }
    public static var postgresArrayType: PostgresType { .boolArray }

    public func encode(to encoder: inout PostgresEncoder) {
        encoder.bytes.append(self ? UInt8(ascii: "t") : UInt8(ascii: "f"))
    }
}

extension PostgresEncoder {
    mutating func write(integer value: some FixedWidthInteger) {
        if purpose == .parameter {
            isBinary = true
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        } else {
            write(String(value))
        }
    }
}

extension Int16: PostgresArrayElement {
    public static var postgresType: PostgresType { .int2 }
    public static var postgresArrayType: PostgresType { .int2Array }
    public func encode(to encoder: inout PostgresEncoder) { encoder.write(integer: self) }
}

extension Int32: PostgresArrayElement {
    public static var postgresType: PostgresType { .int4 }
    public static var postgresArrayType: PostgresType { .int4Array }
    public func encode(to encoder: inout PostgresEncoder) { encoder.write(integer: self) }
}

extension Int64: PostgresArrayElement {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(to encoder: inout PostgresEncoder) { encoder.write(integer: self) }
}

extension Int: PostgresArrayElement {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(to encoder: inout PostgresEncoder) { encoder.write(integer: Int64(self)) }
}

extension Double: PostgresArrayElement {
    public static var postgresType: PostgresType { .float8 }
    public static var postgresArrayType: PostgresType { .float8Array }

    public func encode(to encoder: inout PostgresEncoder) {
        if encoder.purpose == .parameter {
            encoder.isBinary = true
            withUnsafeBytes(of: bitPattern.bigEndian) { encoder.bytes.append(contentsOf: $0) }
        } else {
            encoder.write(isNaN ? "NaN" : isInfinite ? (self < 0 ? "-Infinity" : "Infinity") : "\(self)")
        }
    }
}

extension UUIDv7: PostgresArrayElement {
    public static var postgresType: PostgresType { .uuid }
    public static var postgresArrayType: PostgresType { .uuidArray }
    public func encode(to encoder: inout PostgresEncoder) { encoder.write(description) }
}

/// As `timestamptz`, to the microsecond; `Date.distantFuture` and `.distantPast` are PostgreSQL's infinities.
extension Date: PostgresArrayElement {
    public static var postgresType: PostgresType { .timestamptz }
    public static var postgresArrayType: PostgresType { .timestamptzArray }
    public func encode(to encoder: inout PostgresEncoder) { encoder.write(Timestamp.text(of: self)) }
}

/// Bytes are one `bytea`.
extension UInt8: PostgresArrayElement {
    public static var postgresType: PostgresType { .int2 }
    public static var postgresArrayType: PostgresType { .bytea }
    public func encode(to encoder: inout PostgresEncoder) { encoder.write(integer: Int16(self)) }

    public static func encode(_ array: [UInt8], to encoder: inout PostgresEncoder) {
        if encoder.purpose == .parameter {
            encoder.isBinary = true
            encoder.bytes.append(contentsOf: array)
        } else {
            encoder.write("\\x")
            for byte in array {
                encoder.bytes.append(Hexadecimal.digits[Int(byte >> 4)])
                encoder.bytes.append(Hexadecimal.digits[Int(byte & 0xF)])
            }
        }
    }
}

/// A JSON document as text, bound as `jsonb`.
public struct PostgresJSON: PostgresArrayElement, Hashable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    public static var postgresType: PostgresType { .jsonb }
    public static var postgresArrayType: PostgresType { .jsonbArray }

    public func encode(to encoder: inout PostgresEncoder) {
        if encoder.purpose == .parameter {
            encoder.isBinary = true
            // jsonb_recv: the version, then the text.
            encoder.bytes.append(1)
        }
        encoder.write(text)
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public static var postgresType: PostgresType { Wrapped.postgresType }

    public func encode(to encoder: inout PostgresEncoder) {
        if let self { self.encode(to: &encoder) } else { encoder.writeNull() }
    }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    public static var postgresType: PostgresType { Element.postgresArrayType }

    public func encode(to encoder: inout PostgresEncoder) {
        Element.encode(self, to: &encoder)
    }
}

enum Hexadecimal {
    static let digits = Array("0123456789abcdef".utf8)

    static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
