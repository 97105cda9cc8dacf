import COpenSSL
public import FoundationEssentials
import LabCore

extension CertificateChain {
    /// Checks that a server with this chain may speak for `name`, as a TLS client does.
    ///
    /// - Parameters:
    ///   - root: the only authority that is trusted.
    ///   - date: the moment at which everything must be valid.
    ///   - name: the host or address that the client asked for; of a wildcard, any name below it. Nil checks no name.
    /// - Throws: ``CryptoError/untrustedCertificate(subject:reason:)``.
    public func verify(against root: Certificate, at date: Date, for name: CertificateName? = nil) throws(CryptoError) {
        let store = try CryptoError.check(X509_STORE_new(), "make a trust store")
        defer { X509_STORE_free(store) }
        try CryptoError.check(X509_STORE_add_cert(store, root.handle.pointer), "trust a root")
        let untrusted = try CryptoError.check(OPENSSL_sk_new_null(), "list the authorities")
        // The list does not own its certificates: `self` does, until the end of this function.
        defer { OPENSSL_sk_free(untrusted) }
        for authority in authorities {
            guard OPENSSL_sk_push(untrusted, UnsafeRawPointer(authority.handle.pointer)) > 0 else {
                throw CryptoError.last("list the authorities")
            }
        }
        let context = try CryptoError.check(X509_STORE_CTX_new(), "make a check")
        defer { X509_STORE_CTX_free(context) }
        try CryptoError.check(
            X509_STORE_CTX_init(context, store, leaf.handle.pointer, untrusted), "start a check")
        let parameters = try CryptoError.check(X509_STORE_CTX_get0_param(context), "set up a check")
        X509_VERIFY_PARAM_set_time(parameters, Int(date.timeIntervalSince1970))
        try CryptoError.check(
            X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER), "check for servers")
        if let name { try Self.expect(name, parameters) }
        let result = withExtendedLifetime((self, root)) { X509_verify_cert(context) }
        defer { ERR_clear_error() }
        guard result != 1 else { return }
        throw try failure(context, at: date, name: name)
    }

    private static func expect(_ name: CertificateName, _ parameters: OpaquePointer) throws(CryptoError) {
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        let result =
            switch name.kind {
            case .host(let hostname): X509_VERIFY_PARAM_set1_host(parameters, hostname.text, 0)
            case .wildcard(let hostname): X509_VERIFY_PARAM_set1_host(parameters, "any.\(hostname.text)", 0)
            case .address(let bytes): X509_VERIFY_PARAM_set1_ip(parameters, bytes, bytes.count)
            }
        try CryptoError.check(result, "check the name \(name)")
    }

    private func failure(
        _ context: OpaquePointer, at date: Date, name: CertificateName?
    ) throws(CryptoError) -> CryptoError {
        let code = X509_STORE_CTX_get_error(context)
        var culprit = leaf
        if let pointer = X509_STORE_CTX_get_current_cert(context), X509_up_ref(pointer) == 1 {
            culprit = try Certificate(CertificateHandle(owning: pointer))
        }
        let reason =
            switch code {
            case X509_V_ERR_CERT_HAS_EXPIRED:
                "it expired at \(culprit.notAfter.rfc3339). Renew it, or set the clock"
            case X509_V_ERR_CERT_NOT_YET_VALID:
                "it is valid from \(culprit.notBefore.rfc3339) on. Set the clock"
            case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
                "it is for \(leaf.names.joined(separator: ", ")), not for \(name?.text ?? "the name asked for")"
            case X509_V_ERR_PERMITTED_VIOLATION:
                "its authority may not sign for \(leaf.names.joined(separator: ", "))"
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
                X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
                "“\(culprit.issuer)”, which signed it, is neither in the chain nor the trusted root"
            default:
                String(cString: X509_verify_cert_error_string(Int(code)))
            }
        let subject = culprit.subject.isEmpty ? culprit.names.joined(separator: ", ") : culprit.subject
        return .untrustedCertificate(subject: subject, reason: reason)
    }
}
