import COpenSSL

/// What can go wrong in this module. The text is for people; it never holds key material or plaintext.
public enum CryptoError: Error, Sendable, Equatable {
    /// OpenSSL refused an operation: which one, and its own words.
    case openSSL(operation: String, reason: String)

    /// A sealed box ends before its header and tag do.
    case truncatedBox(length: Int)
    /// A sealed box was written by a format that this program does not know.
    case unknownBoxVersion(UInt8)
    /// A sealed box names a key that is not in the key ring.
    case unknownSealingKey(identifier: String)
    /// A sealed box was changed, or is opened under another context than it was sealed under.
    case tamperedBox(context: String)

    /// A key file cannot be used: where, why, and what to do.
    case keyFile(path: String, detail: String, remedy: String)
    /// A key is not one that this operation can use.
    case invalidKey(detail: String, remedy: String)
    /// A stored password hash is not one that this program will compute.
    case invalidPasswordHash(detail: String)

    /// A certificate, chain or request cannot be read or made: why, and what to do.
    case invalidCertificate(detail: String, remedy: String)
    /// A certificate is not to be trusted: whose, and why.
    case untrustedCertificate(subject: String, reason: String)
}

extension CryptoError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .openSSL(let operation, let reason):
            "OpenSSL could not \(operation): \(reason)"
        case .truncatedBox(let length):
            "the sealed value has only \(length) bytes and is cut short. Restore it from a backup or enter it again"
        case .unknownBoxVersion(let version):
            "the sealed value has format \(version), which this version of the program does not know. "
                + "Use the version that wrote it, or enter the value again"
        case .unknownSealingKey(let identifier):
            "the value was sealed with key \(identifier), which is not in the key file. "
                + "Add that key to the key file, or enter the value again"
        case .tamperedBox(let context):
            "the sealed value of “\(context)” was changed, or belongs to something else. "
                + "Restore it from a backup or enter it again"
        case .keyFile(let path, let detail, let remedy):
            "key file \(path): \(detail). \(remedy)"
        case .invalidKey(let detail, let remedy):
            "\(detail). \(remedy)"
        case .invalidPasswordHash(let detail):
            "the stored password hash cannot be used: \(detail). Set the password again"
        case .invalidCertificate(let detail, let remedy):
            "\(detail). \(remedy)"
        case .untrustedCertificate(let subject, let reason):
            "the certificate of “\(subject)” is not trusted: \(reason)"
        }
    }
}

extension CryptoError {
    /// The error of the OpenSSL call that just failed on this thread. Empties the thread's error queue, so that what
    /// it holds is not blamed on a later call.
    static func last(_ operation: String) -> CryptoError {
        var reasons: [String] = []
        while case let code = ERR_get_error(), code != 0 {
            if let text = ERR_reason_error_string(code) {
                reasons.append(String(cString: text))
            } else {
                reasons.append("error \(String(code, radix: 16))")
            }
        }
        return .openSSL(
            operation: operation, reason: reasons.isEmpty ? "no reason given" : reasons.joined(separator: "; "))
    }

    /// Throws unless an OpenSSL call returned 1.
    static func check(_ result: Int32, _ operation: @autoclosure () -> String) throws(CryptoError) {
        guard result == 1 else { throw last(operation()) }
    }

    /// The pointer that an OpenSSL call returned, or its error.
    static func check<Pointer>(
        _ pointer: Pointer?, _ operation: @autoclosure () -> String
    ) throws(CryptoError) -> Pointer {
        guard let pointer else { throw last(operation()) }
        return pointer
    }
}
