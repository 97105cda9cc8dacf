import LabCore
public import LabService

extension IPAddress: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema { .string(maximumLength: 45, example: "192.168.1.5") }
    public static var schemaExample: IPAddress { get throws { try IPAddress("192.168.1.5") } }
}

extension RecordSpec: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        var name = RecordName.jsonSchema
        name.isNullable = true
        var address = IPAddress.jsonSchema
        address.isNullable = true
        var ttl = JSONSchema.integer(Int64(ttlRange.lowerBound)...Int64(ttlRange.upperBound))
        ttl.isNullable = true
        return .object([
            .init("name", name, isRequired: false),
            .init("type", .string(values: RecordType.allCases.map(\.rawValue))),
            .init("address", address, isRequired: false),
            .init(
                "values",
                .array(of: .string(maximumLength: 4000, example: "192.168.1.5"), minimum: 1, maximum: 64)),
            .init("ttl", ttl, isRequired: false),
        ])
    }

    public static var schemaExample: RecordSpec {
        get throws { try RecordSpec(name: .schemaExample, type: .a, values: ["192.168.1.5"]) }
    }
}
