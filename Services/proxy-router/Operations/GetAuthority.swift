public import FoundationEssentials
import LabCore
import LabCrypto
import LabPostgres
public import LabService
import LabState

/// `GET /v1/ca`: what people install to trust the lab.
public struct GetAuthority: Operation {
    public struct Input: Codable, Sendable {}

    public struct Output: Codable, Sendable {
        public let subject: String
        /// The root's certificate.
        public let pem: String
        /// The SHA-256 of the certificate in hexadecimal digits, to compare with what a device shows.
        public let fingerprint: String
        public let notAfter: Date
    }

    public init() {}

    public var declaration: OperationDeclaration {
        OperationDeclaration(
            "proxy.ca.get", "Shows the root certificate that devices must trust to reach the lab's apps over HTTPS.",
            safety: .read, .get, "/v1/ca", phrases: ["show the root certificate", "how do I trust the lab?"])
    }

    public func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let rows = try await call.lab.store.postgres.query("select certificate_pem from proxy.root_authority")
        guard let row = rows.first else {
            throw Problem(
                .unavailable, title: "There is no root certificate yet",
                detail: "the proxy router has not made the lab's authority", remedy: "Start it, and ask again")
        }
        let certificate = try LabCrypto.Certificate(pem: try row.value(at: 0, as: String.self))
        return Output(
            subject: certificate.subject, pem: try certificate.pem, fingerprint: Hex.encode(certificate.fingerprint),
            notAfter: certificate.notAfter)
    }
}
