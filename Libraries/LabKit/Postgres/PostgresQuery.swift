/// A statement with its parameters.
///
/// It is written as a string, and what is interpolated can only be bound: `"select * from t where name = \(name)"`
/// becomes `… where name = $1`. There is no way to splice text. A name of a table or column can be given as
/// `\(identifier: name)`, which takes a ``PostgresIdentifier`` and quotes it.
///
/// Parameters are declared with the type of their Swift value (`Int64` is `bigint`, `String` is `text`), so the
/// server never guesses; write a cast, `\(text)::date`, where another type is wanted.
public struct PostgresQuery: Sendable, ExpressibleByStringInterpolation {
    /// The text with `$1`, `$2` … where values are bound.
    public let sql: String
    let parameters: [Parameter]
    /// The values of all parameters, one after the other, each with a zero byte behind it.
    let values: [UInt8]

    struct Parameter: Sendable {
        let type: PostgresType
        let offset: Int32
        /// In bytes; -1 for NULL.
        let length: Int32
        let isBinary: Bool
    }

    public init(stringLiteral value: String) {
        sql = value
        parameters = []
        values = []
    }

    public init(stringInterpolation: StringInterpolation) {
        sql = stringInterpolation.sql
        parameters = stringInterpolation.parameters
        values = stringInterpolation.encoder.bytes
    }

    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        var sql = ""
        var parameters: [Parameter] = []
        var encoder = PostgresEncoder(.parameter)

        public init(literalCapacity: Int, interpolationCount: Int) {
            sql.reserveCapacity(literalCapacity + 3 * interpolationCount)
            parameters.reserveCapacity(interpolationCount)
            encoder.bytes.reserveCapacity(16 * interpolationCount)
        }

        public mutating func appendLiteral(_ literal: String) {
            sql += literal
        }

        /// Binds a value to the statement's next parameter.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) {
            bind(value)
        }

        private mutating func bind<Value: PostgresEncodable>(_ value: Value) {
            let offset = encoder.bytes.count
            encoder.isBinary = false
            encoder.isNull = false
            value.encode(to: &encoder)
            let length = encoder.isNull ? -1 : encoder.bytes.count - offset
            parameters.append(
                Parameter(
                    type: Value.postgresType, offset: Int32(clamping: offset), length: Int32(clamping: length),
                    isBinary: encoder.isBinary))
            // Ends a text; and an empty value has an address of its own, which tells it from NULL.
            encoder.bytes.append(0)
            sql += "$"
            sql += String(parameters.count)
        }

        /// Binds a value or NULL to the statement's next parameter.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            bind(value)
        }

        /// Writes the name of a table, column, role or schema, quoted.
        public mutating func appendInterpolation(identifier: PostgresIdentifier) {
            sql += identifier.quoted
        }
    }
}

extension PostgresQuery: CustomStringConvertible {
    /// The text without the values, so that nothing secret is logged.
    public var description: String { sql }
}
