public import LabCore
public import LabService
import LabState

/// The kind `Certificate`: a server's certificate, issued and renewed.
public enum ServerCertificate: ManagedKind {
    public typealias Spec = CertificateSpec

    public static let name = "Certificate"
    public static let plural = "certificates"
    public static let summary = "A server's certificate: issued, renewed at two thirds of its life, its key sealed."
    public static let operationPrefix = "proxy.certificate"
    public static let issued = "Issued"
    public static let conditionTypes = [issued]

    public static let fields = [
        "names": "The host names that it is for, 1 to 100, inside LAB_DOMAIN or LAB_ZONES.",
        "issuer": "Who issues it. internal: the lab's own authority.",
    ]

    /// Refuses names that the lab does not answer for.
    public static func admit(
        _ spec: CertificateSpec, name: ResourceName, _ call: OperationCall
    ) async throws -> CertificateSpec {
        let domains = try LabDomains(call.lab.settings)
        let fields = spec.names.enumerated().filter { !domains.contains($0.element) }.map { index, host in
            Problem.Field(
                "/body/names/\(index)", "“\(host)” lies outside the lab's zones",
                remedy: "Use names below \(domains.domain), or add the zone to LAB_ZONES")
        }
        guard fields.isEmpty else { throw Problem.invalid(fields) }
        return spec
    }
}

extension CertificateSpec.IssuerName: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema { .string(values: allCases.map(\.rawValue), example: "internal") }
    public static var schemaExample: CertificateSpec.IssuerName { .internal }
}

extension CertificateSpec: JSONSchemaRepresentable {
    public static var jsonSchema: JSONSchema {
        .object([
            JSONSchema.Property("names", .array(of: Hostname.jsonSchema, minimum: 1, maximum: 100)),
            JSONSchema.Property("issuer", IssuerName.jsonSchema, isRequired: false),
        ])
    }
    public static var schemaExample: CertificateSpec {
        get throws { try CertificateSpec(names: [Hostname("notes.home.arpa")]) }
    }
}
