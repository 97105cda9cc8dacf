/// A data type of PostgreSQL, by the object identifier that every server has for it (pg_type.dat).
public struct PostgresType: Sendable, Hashable, CustomStringConvertible {
    public let identifier: UInt32

    public init(identifier: UInt32) {
        self.identifier = identifier
    }

    public static let bool = PostgresType(identifier: 16)
    public static let bytea = PostgresType(identifier: 17)
    public static let int8 = PostgresType(identifier: 20)
    public static let int2 = PostgresType(identifier: 21)
    public static let int4 = PostgresType(identifier: 23)
    public static let text = PostgresType(identifier: 25)
    public static let oid = PostgresType(identifier: 26)
    public static let json = PostgresType(identifier: 114)
    public static let float4 = PostgresType(identifier: 700)
    public static let float8 = PostgresType(identifier: 701)
    public static let varchar = PostgresType(identifier: 1043)
    public static let date = PostgresType(identifier: 1082)
    public static let timestamp = PostgresType(identifier: 1114)
    public static let timestamptz = PostgresType(identifier: 1184)
    public static let numeric = PostgresType(identifier: 1700)
    public static let uuid = PostgresType(identifier: 2950)
    public static let jsonb = PostgresType(identifier: 3802)

    public static let boolArray = PostgresType(identifier: 1000)
    public static let byteaArray = PostgresType(identifier: 1001)
    public static let int2Array = PostgresType(identifier: 1005)
    public static let int4Array = PostgresType(identifier: 1007)
    public static let textArray = PostgresType(identifier: 1009)
    public static let int8Array = PostgresType(identifier: 1016)
    public static let float8Array = PostgresType(identifier: 1022)
    public static let timestamptzArray = PostgresType(identifier: 1185)
    public static let uuidArray = PostgresType(identifier: 2951)
    public static let jsonbArray = PostgresType(identifier: 3807)

    public var description: String {
        Self.names[identifier] ?? "the type with identifier \(identifier)"
    }

    private static let names: [UInt32: String] = [
        16: "boolean", 17: "bytea", 20: "bigint", 21: "smallint", 23: "integer", 25: "text", 26: "oid", 114: "json",
        700: "real", 701: "double precision", 1043: "varchar", 1082: "date", 1114: "timestamp",
        1184: "timestamptz", 1700: "numeric", 2950: "uuid", 3802: "jsonb", 1000: "boolean[]", 1001: "bytea[]",
        1005: "smallint[]", 1007: "integer[]", 1009: "text[]", 1015: "varchar[]", 1016: "bigint[]",
        1022: "double precision[]", 1185: "timestamptz[]", 2951: "uuid[]", 3807: "jsonb[]", 19: "name",
        1186: "interval", 869: "inet", 2278: "void",
    ]
}
