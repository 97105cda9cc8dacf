public import FoundationEssentials
public import LabCore

/// A value that a column can be read as.
public protocol PostgresDecodable {
    /// - Throws: ``PostgresCell/Mismatch``; the row adds which column it was.
    static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Self
}

/// One field of one row, valid only during the call that it is given to.
public struct PostgresCell: ~Copyable {
    /// Why a field is not what it was read as.
    public struct Mismatch: Error {
        let expected: String

        /// - Parameter expected: what would be right, as in “a whole number”.
        public init(expected: String) {
            self.expected = expected
        }
    }

    /// The type of the column.
    public let type: PostgresType
    /// The field in text form; nil for NULL. It points into the result that the row belongs to.
    let bytes: UnsafeRawBufferPointer?

    public var isNull: Bool { bytes == nil }

    /// The text form; nil for NULL.
    public var text: String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    func integer<Integer: FixedWidthInteger>(
        as integer: Integer.Type
    ) throws(Mismatch) -> Integer {
        switch type {
        case .int4, .int8, .int2, .oid:
            if let bytes, let value = Integer(decimal: bytes) { return value }
        default: break
        }
        throw Mismatch(expected: "a whole number from \(Integer.min) to \(Integer.max)")
    }
}

extension FixedWidthInteger {
    /// Parses digits with an optional minus sign; nil for anything else or what does not fit.
    init?(decimal text: UnsafeRawBufferPointer) {
        var value: Self = 0
        var index = 0
        let isNegative = text.first == UInt8(ascii: "-")
        if isNegative { index = 1 }
        guard index < text.count else { return nil }
        while index < text.count {
            guard (48...57).contains(text[index]) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Self(truncatingIfNeeded: text[index] - 48)
            let (sum, overflowToo) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !overflow, !overflowToo else { return nil }
            value = sum
            index += 1
        }
        self = value
    }
}

/// Any type, in its text form; of `json` and `jsonb` that is the document.
extension String: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> String {
        guard let text = cell.text else { throw PostgresCell.Mismatch(expected: "text") }
        return text
    }
}

extension Bool: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Bool {
        guard cell.type == .bool, let bytes = cell.bytes else {
            throw PostgresCell.Mismatch(expected: "true or false")
        }
        return bytes.first == UInt8(ascii: "t")
    }
}

extension Int16: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Int16 {
        try cell.integer(as: Int16.self)
    }
}

extension Int32: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Int32 {
        try cell.integer(as: Int32.self)
    }
}

extension Int64: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Int64 {
        try cell.integer(as: Int64.self)
    }
}

extension Int: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Int {
        try cell.integer(as: Int.self)
    }
}

extension Double: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Double {
        switch cell.type {
        case .float8, .float4, .numeric, .int2, .int4, .int8:
            if let text = cell.text, let value = Double(text) { return value }
        default: break
        }
        throw PostgresCell.Mismatch(expected: "a number")
    }
}

extension UUIDv7: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> UUIDv7 {
        guard cell.type == .uuid, let text = cell.text, let value = UUIDv7(text) else {
            throw PostgresCell.Mismatch(expected: "a UUID")
        }
        return value
    }
}

/// `timestamptz`, `timestamp` (taken as UTC) and `date`; the infinities are `Date.distantFuture` and `.distantPast`.
extension Date: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Date {
        switch cell.type {
        case .timestamptz, .timestamp, .date:
            if let bytes = cell.bytes, let value = Timestamp.date(from: bytes) { return value }
        default: break
        }
        throw PostgresCell.Mismatch(expected: "a time")
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> Wrapped? {
        cell.isNull ? nil : try Wrapped.decode(cell)
    }
}

/// A value that an array's elements can be read as.
public protocol PostgresArrayDecodable: PostgresDecodable {
    /// The type of the elements of an array column, from the array's type; nil when it is not such an array.
    static func elementType(of array: PostgresType) -> PostgresType?

    static func decodeArray(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> [Self]
}

extension PostgresArrayDecodable {
    public static func decodeArray(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> [Self] {
        guard let type = elementType(of: cell.type), let bytes = cell.bytes,
            let elements = ArrayText.elements(of: bytes)
        else { throw PostgresCell.Mismatch(expected: "an array with one dimension of \(Self.self)") }
        var values: [Self] = []
        values.reserveCapacity(elements.count)
        for element in elements {
            values.append(try decodeElement(element, type))
        }
        return values
    }

    private static func decodeElement(
        _ element: [UInt8]?, _ type: PostgresType
    ) throws(PostgresCell.Mismatch) -> Self {
        guard let element else { return try decode(PostgresCell(type: type, bytes: nil)) }
        // The result is taken out of the closure, because its errors are not typed.
        let result = element.withUnsafeBytes { bytes -> Result<Self, PostgresCell.Mismatch> in
            do throws(PostgresCell.Mismatch) {
                return .success(try decode(PostgresCell(type: type, bytes: bytes)))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

extension String: PostgresArrayDecodable {
    /// Every array's elements have a text form.
    public static func elementType(of array: PostgresType) -> PostgresType? { .text }
}

extension Bool: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? { array == .boolArray ? .bool : nil }
}

extension Int16: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? { array == .int2Array ? .int2 : nil }
}

extension Int32: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? {
        array == .int4Array || array == .int2Array ? .int4 : nil
    }
}

extension Int64: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? {
        array == .int8Array || array == .int4Array || array == .int2Array ? .int8 : nil
    }
}

extension Int: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? { Int64.elementType(of: array) }
}

extension Double: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? { array == .float8Array ? .float8 : nil }
}

extension UUIDv7: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? { array == .uuidArray ? .uuid : nil }
}

extension Date: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? {
        array == .timestamptzArray ? .timestamptz : nil
    }
}

/// Bytes are one `bytea`.
extension UInt8: PostgresArrayDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> UInt8 {
        try cell.integer(as: UInt8.self)
    }

    public static func elementType(of array: PostgresType) -> PostgresType? { nil }

    public static func decodeArray(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> [UInt8] {
        guard cell.type == .bytea, let text = cell.bytes, text.count >= 2, text.count.isMultiple(of: 2),
            text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x")
        else { throw PostgresCell.Mismatch(expected: "bytes") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = Hexadecimal.value(of: text[index]), let low = Hexadecimal.value(of: text[index + 1]) else {
                throw PostgresCell.Mismatch(expected: "bytes")
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}

extension Optional: PostgresArrayDecodable where Wrapped: PostgresArrayDecodable {
    public static func elementType(of array: PostgresType) -> PostgresType? { Wrapped.elementType(of: array) }
}

extension Array: PostgresDecodable where Element: PostgresArrayDecodable {
    public static func decode(_ cell: borrowing PostgresCell) throws(PostgresCell.Mismatch) -> [Element] {
        try Element.decodeArray(cell)
    }
}
