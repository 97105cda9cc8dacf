import COpenSSL
import LabCore

/// Owner of one `GENERAL_NAMES`: the value of the extension subjectAltName (RFC 5280, 4.2.1.6).
///
/// Names are put in as structures, never as configuration text, so that no name can smuggle in another.
final class GeneralNames {
    let pointer: OpaquePointer

    init(_ names: [CertificateName]) throws(CryptoError) {
        pointer = try CryptoError.check(GENERAL_NAMES_new(), "make a list of names")
        for name in names {
            let element = try Self.make(name)
            guard OPENSSL_sk_push(pointer, element) > 0 else {
                GENERAL_NAME_free(element)
                throw CryptoError.last("list a name")
            }
        }
    }

    deinit {
        GENERAL_NAMES_free(pointer)
    }

    /// A `GENERAL_NAME` that the caller owns.
    static func make(_ name: CertificateName) throws(CryptoError) -> UnsafeMutablePointer<GENERAL_NAME> {
        switch name.kind {
        case .host, .wildcard: try make(GEN_DNS, V_ASN1_IA5STRING, Array(name.text.utf8))
        case .address(let bytes): try make(GEN_IPADD, V_ASN1_OCTET_STRING, bytes)
        }
    }

    /// The DNS names and addresses of a certificate, as text.
    static func subjectAlternativeNames(of certificate: OpaquePointer) -> [String] {
        guard let list = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let stack = OpaquePointer(list)
        defer { GENERAL_NAMES_free(stack) }
        return (0..<OPENSSL_sk_num(stack)).compactMap { index in
            OPENSSL_sk_value(stack, index).flatMap { text(of: $0.assumingMemoryBound(to: GENERAL_NAME.self)) }
        }
    }

    /// The text of a DNS name or an address; nil for names of other kinds.
    static func text(of name: UnsafePointer<GENERAL_NAME>) -> String? {
        var type: Int32 = 0
        guard let value = GENERAL_NAME_get0_value(name, &type), type == GEN_DNS || type == GEN_IPADD else { return nil }
        let string = value.assumingMemoryBound(to: ASN1_STRING.self)
        let bytes = Array(
            UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string))))
        return type == GEN_DNS ? String(decoding: bytes, as: UTF8.self) : CertificateName.describeAddress(bytes)
    }

    private static func make(
        _ kind: Int32, _ type: Int32, _ bytes: [UInt8]
    ) throws(CryptoError) -> UnsafeMutablePointer<GENERAL_NAME> {
        let value = try CryptoError.check(ASN1_STRING_type_new(type), "make a name")
        guard ASN1_STRING_set(value, bytes, Int32(bytes.count)) == 1, let name = GENERAL_NAME_new() else {
            ASN1_STRING_free(value)
            throw CryptoError.last("make a name")
        }
        GENERAL_NAME_set0_value(name, kind, value)
        return name
    }
}
