import COpenSSL
import LabCore

/// Owner of one `NAME_CONSTRAINTS`: what an authority may sign for (RFC 5280, 4.2.1.10).
final class NameConstraints {
    let pointer: UnsafeMutablePointer<NAME_CONSTRAINTS>

    /// Permits `domain` and all names below it, and no other DNS name. Addresses are not constrained.
    init(permitting domain: Hostname) throws(CryptoError) {
        pointer = try CryptoError.check(NAME_CONSTRAINTS_new(), "make name constraints")
        pointer.pointee.permittedSubtrees = try CryptoError.check(OPENSSL_sk_new_null(), "make name constraints")
        let subtree = try CryptoError.check(GENERAL_SUBTREE_new(), "make name constraints")
        GENERAL_NAME_free(subtree.pointee.base)
        subtree.pointee.base = nil
        do throws(CryptoError) {
            subtree.pointee.base = try GeneralNames.make(CertificateName(domain))
            guard OPENSSL_sk_push(pointer.pointee.permittedSubtrees, subtree) > 0 else {
                throw CryptoError.last("make name constraints")
            }
        } catch {
            GENERAL_SUBTREE_free(subtree)
            throw error
        }
    }

    deinit {
        NAME_CONSTRAINTS_free(pointer)
    }

    /// The one domain that an authority of ours may sign for; nil where it has no constraint.
    static func permittedDomain(of certificate: OpaquePointer) -> Hostname? {
        guard let value = X509_get_ext_d2i(certificate, NID_name_constraints, nil, nil) else { return nil }
        let constraints = value.assumingMemoryBound(to: NAME_CONSTRAINTS.self)
        defer { NAME_CONSTRAINTS_free(constraints) }
        guard let subtrees = constraints.pointee.permittedSubtrees,
            let first = OPENSSL_sk_value(subtrees, 0)?.assumingMemoryBound(to: GENERAL_SUBTREE.self),
            let base = first.pointee.base, let text = GeneralNames.text(of: base)
        else { return nil }
        return try? Hostname(text)
    }
}
