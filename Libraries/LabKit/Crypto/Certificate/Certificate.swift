import COpenSSL
public import FoundationEssentials
import Glibc

/// An X.509 certificate (RFC 5280), read or issued here.
public struct Certificate: Sendable {
    let handle: CertificateHandle

    /// The distinguished names in the form of RFC 4514, for people.
    public let subject: String
    public let issuer: String
    /// The serial number in hexadecimal digits.
    public let serialNumber: String
    /// The first and the last moment at which it is valid.
    public let notBefore: Date
    public let notAfter: Date
    /// The DNS names and IP addresses that it is for. Text as it is in the certificate: those of others may break rules.
    public let names: [String]
    /// The SHA-256 digest of the whole certificate.
    public let fingerprint: [UInt8]
    /// Whether it may sign other certificates.
    public let isAuthority: Bool

    /// Reads the first certificate of a PEM text.
    ///
    /// - Throws: ``CryptoError/invalidCertificate(detail:remedy:)``.
    public init(pem: String) throws(CryptoError) {
        self = try CertificateChain(pem: pem).leaf
    }

    init(_ handle: CertificateHandle) throws(CryptoError) {
        self.handle = handle
        let pointer = handle.pointer
        subject = try Self.text(of: X509_get_subject_name(pointer))
        issuer = try Self.text(of: X509_get_issuer_name(pointer))
        serialNumber = Self.hexadecimal(X509_get0_serialNumber(pointer))
        notBefore = try Self.date(X509_get0_notBefore(pointer))
        notAfter = try Self.date(X509_get0_notAfter(pointer))
        names = GeneralNames.subjectAlternativeNames(of: pointer)
        var digest = [UInt8](repeating: 0, count: SHA256.byteCount)
        try CryptoError.check(X509_digest(pointer, EVP_sha256(), &digest, nil), "hash a certificate")
        fingerprint = digest
        // 1 is a CA by its basic constraints; the other true answers are guesses about certificates of the 1990s.
        isAuthority = X509_check_ca(pointer) == 1
        ERR_clear_error()
    }

    /// The certificate in PEM.
    public var pem: String {
        get throws(CryptoError) {
            let buffer = try MemoryBuffer()
            try CryptoError.check(PEM_write_bio_X509(buffer.pointer, handle.pointer), "write a certificate")
            return buffer.text
        }
    }

    /// The moment to renew it: two thirds of its life are over.
    public var renewalDate: Date {
        notBefore.addingTimeInterval(notAfter.timeIntervalSince(notBefore) * 2 / 3)
    }

    /// Whether `key` is the private key of this certificate.
    public func matches(_ key: PrivateKey) -> Bool {
        defer { ERR_clear_error() }
        return X509_check_private_key(handle.pointer, key.handle.pointer) == 1
    }

    static func text(of name: OpaquePointer?) throws(CryptoError) -> String {
        let buffer = try MemoryBuffer()
        guard lab_print_name(buffer.pointer, name) >= 0 else { throw CryptoError.last("read a certificate's name") }
        return buffer.text
    }

    private static func hexadecimal(_ number: UnsafePointer<ASN1_INTEGER>?) -> String {
        guard let number else { return "" }
        return Hex.encode(
            UnsafeBufferPointer(start: ASN1_STRING_get0_data(number), count: Int(ASN1_STRING_length(number))))
    }

    private static func date(_ time: UnsafePointer<ASN1_TIME>?) throws(CryptoError) -> Date {
        var parts = tm()
        try CryptoError.check(ASN1_TIME_to_tm(time, &parts), "read a certificate's dates")
        return Date(timeIntervalSince1970: Double(timegm(&parts)))
    }
}

extension Certificate: Equatable {
    public static func == (left: Certificate, right: Certificate) -> Bool {
        left.fingerprint == right.fingerprint
    }
}
