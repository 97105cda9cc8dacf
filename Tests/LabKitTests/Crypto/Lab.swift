import Foundation
import LabCore
import LabCrypto

/// A root and an intermediate of home.arpa, made at a fixed moment.
struct Lab: Sendable {
    static let day: TimeInterval = 86400

    let now: Date
    let root: RootAuthority
    let authority: CertificateAuthority

    init(constrainsNames: Bool = true, at now: Date = Date(timeIntervalSince1970: 1_800_000_000)) throws {
        self.now = now
        root = try RootAuthority(domain: Hostname("home.arpa"), constrainsNames: constrainsNames, at: now)
        authority = try root.makeIntermediate(at: now)
    }

    func issue(_ names: String..., at date: Date? = nil) throws -> IssuedCertificate {
        try authority.issue(for: names.map { try CertificateName($0) }, at: date ?? now)
    }
}

extension String {
    func write(to folder: String, _ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        try write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }
}
