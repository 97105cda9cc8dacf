public import LabCore

/// What is declared of a certificate: the names that it is for, and who issues it.
public struct CertificateSpec: Sendable, Hashable {
    public enum IssuerName: String, Sendable, Codable, CaseIterable {
        /// The lab's own authority.
        case `internal`
    }

    public static let nameCount = 1...100

    /// 1 to 100, in the order given, none twice.
    public let names: [Hostname]
    public let issuer: IssuerName

    /// - Throws: ``InvalidText`` for no name, too many, or one that is given twice.
    public init(names: [Hostname], issuer: IssuerName = .internal) throws(InvalidText) {
        guard Self.nameCount.contains(names.count) else {
            throw InvalidText(
                names.isEmpty ? "there is no name" : "there are more than \(Self.nameCount.upperBound) names",
                remedy: "Give 1 to \(Self.nameCount.upperBound) host names")
        }
        guard Set(names).count == names.count else {
            throw InvalidText("a name is given twice", remedy: "Give each name once")
        }
        self.names = names
        self.issuer = issuer
    }
}

extension CertificateSpec: Codable {
    private enum CodingKeys: String, CodingKey {
        case names, issuer
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let names = try container.decode([Hostname].self, forKey: .names)
        let issuer = try container.decodeIfPresent(IssuerName.self, forKey: .issuer) ?? .internal
        do {
            try self.init(names: names, issuer: issuer)
        } catch {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: container.codingPath + [CodingKeys.names], debugDescription: error.detail,
                    underlyingError: error))
        }
    }
}
