public import LabCore

extension Hostname: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .string(
            format: "hostname",
            pattern: #"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"#, maximumLength: 253,
            example: "notes.home.arpa")
    }
    public static var schemaExample: Hostname { get throws { try Hostname("notes.home.arpa") } }
}

extension RecordName: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .string(
            pattern: #"^(\*\.)?(_?[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"#,
            maximumLength: 253, example: "nas.home.arpa")
    }
    public static var schemaExample: RecordName { get throws { try RecordName("nas.home.arpa") } }
}

extension ResourceName: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .string(
            pattern: #"^[a-z0-9_*][a-z0-9._*:-]{0,252}$"#, minimumLength: 1, maximumLength: 253, example: "notes")
    }
    public static var schemaExample: ResourceName { get throws { try ResourceName("notes") } }
}

extension AppName: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .string(
            pattern: #"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"#, minimumLength: 1, maximumLength: 63, example: "notes")
    }
    public static var schemaExample: AppName { get throws { try AppName("notes") } }
}

extension UpstreamURL: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .string(
            format: "uri", pattern: "^https?://[^/?#@]+/?$", maximumLength: 300, example: "http://192.168.1.20:8096")
    }
    public static var schemaExample: UpstreamURL { get throws { try UpstreamURL("http://192.168.1.20:8096") } }
}
