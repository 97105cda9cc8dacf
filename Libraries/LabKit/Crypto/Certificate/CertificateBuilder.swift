import COpenSSL
import FoundationEssentials
import LabCore

/// Puts a certificate together and signs it. A local value of one function: after ``sign()`` the certificate is shared,
/// and nothing may be added any more.
struct CertificateBuilder {
    /// Who signs: an authority, or the key of a root itself.
    enum Signer {
        case authority(Certificate, PrivateKey)
        case itself(PrivateKey)
    }

    /// Clocks of a lab may differ by minutes.
    private static let backdating: TimeInterval = 5 * 60

    private let handle: CertificateHandle
    private let signer: Signer
    private var pointer: OpaquePointer { handle.pointer }

    /// - Parameters:
    ///   - commonName: at most 64 characters; nil leaves the subject empty.
    ///   - lifetime: seconds; cut short where the signing authority ends earlier.
    init(
        commonName: String?, key: PrivateKey, signer: Signer, at date: Date, lifetime: TimeInterval
    ) throws(CryptoError) {
        handle = CertificateHandle(owning: try CryptoError.check(X509_new(), "make a certificate"))
        self.signer = signer
        try CryptoError.check(X509_set_version(pointer, 2), "set the version")
        try CryptoError.check(X509_set_pubkey(pointer, key.handle.pointer), "set the public key")
        try setSerialNumber()
        if let commonName {
            let result = lab_add_utf8_entry(X509_get_subject_name(pointer), NID_commonName, commonName)
            try CryptoError.check(result, "name the subject “\(commonName)”")
        }
        var start = date.addingTimeInterval(-Self.backdating)
        var end = date.addingTimeInterval(lifetime)
        switch signer {
        case .authority(let authority, _):
            // A certificate is not valid while its issuer is not.
            start = max(start, authority.notBefore)
            end = min(end, authority.notAfter)
            let name = X509_get_subject_name(authority.handle.pointer)
            try CryptoError.check(X509_set_issuer_name(pointer, name), "name the issuer")
        case .itself:
            try CryptoError.check(X509_set_issuer_name(pointer, X509_get_subject_name(pointer)), "name the issuer")
        }
        guard ASN1_TIME_set(X509_getm_notBefore(pointer), Int(start.timeIntervalSince1970)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(pointer), Int(end.timeIntervalSince1970)) != nil
        else { throw CryptoError.last("set the dates") }
        try add(NID_subject_key_identifier, "hash")
        if case .authority = signer { try add(NID_authority_key_identifier, "keyid:always") }
    }

    /// Adds an extension whose value is a constant of this program, in OpenSSL's configuration syntax. Names from
    /// outside go through ``addNames(_:critical:)`` instead.
    func add(_ extensionID: Int32, _ value: StaticString) throws(CryptoError) {
        var context = X509V3_CTX()
        let issuer =
            switch signer {
            case .authority(let authority, _): authority.handle.pointer
            case .itself: pointer
            }
        X509V3_set_ctx(&context, issuer, pointer, nil, nil, 0)
        let element = X509V3_EXT_nconf_nid(nil, &context, extensionID, value.description)
        let made = try CryptoError.check(element, "make the extension \(value)")
        defer { X509_EXTENSION_free(made) }
        try CryptoError.check(X509_add_ext(pointer, made, -1), "add the extension \(value)")
    }

    func addNames(_ names: [CertificateName], critical: Bool) throws(CryptoError) {
        let list = try GeneralNames(names)
        try withExtendedLifetime(list) { () throws(CryptoError) in
            try add(NID_subject_alt_name, UnsafeMutableRawPointer(list.pointer), critical: critical)
        }
    }

    func permit(_ domain: Hostname) throws(CryptoError) {
        let constraints = try NameConstraints(permitting: domain)
        try withExtendedLifetime(constraints) { () throws(CryptoError) in
            try add(NID_name_constraints, UnsafeMutableRawPointer(constraints.pointer), critical: true)
        }
    }

    func sign() throws(CryptoError) -> Certificate {
        let key =
            switch signer {
            case .authority(_, let key), .itself(let key): key
            }
        guard X509_sign(pointer, key.handle.pointer, EVP_sha256()) > 0 else {
            throw CryptoError.last("sign a certificate")
        }
        return try Certificate(handle)
    }

    private func add(
        _ extensionID: Int32, _ value: UnsafeMutableRawPointer, critical: Bool
    ) throws(CryptoError) {
        let result = X509_add1_ext_i2d(pointer, extensionID, value, critical ? 1 : 0, UInt(X509V3_ADD_APPEND))
        try CryptoError.check(result, "add an extension")
    }

    /// 16 random bytes: positive, so the first bit is 0; and of full length, so the second is 1.
    private func setSerialNumber() throws(CryptoError) {
        var bytes = RandomBytes.make(16)
        bytes[0] = bytes[0] & 0x7F | 0x40
        let number = try CryptoError.check(BN_bin2bn(bytes, Int32(bytes.count), nil), "make a serial number")
        defer { BN_free(number) }
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil else {
            throw CryptoError.last("set the serial number")
        }
    }
}
