import COpenSSL
import Dispatch
public import LabCore

/// Password hashes with scrypt (RFC 7914), as text in the PHC form `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`.
///
/// One hash takes tens of milliseconds and 32 MiB on purpose. Hashes are computed one at a time on a queue of their
/// own: they neither hold up the threads of Swift's concurrency, nor fill the memory when many log in at once.
public enum PasswordHash {
    private static let queue = DispatchQueue(label: "lab.crypto.password")
    private static let hashLength = 32

    /// A hash of `password` with a random salt.
    public static func make(_ password: Secret<String>) async throws(CryptoError) -> String {
        let salt = RandomBytes.make(16)
        let parameters = ScryptParameters.recommended
        let hash = try await onQueue { () throws(CryptoError) in
            try scrypt(password, salt: salt, parameters: parameters, length: hashLength)
        }
        return PasswordHashText(parameters: parameters, salt: salt, hash: hash).text
    }

    /// Whether `password` is the one that `text` was made of.
    ///
    /// - Throws: ``CryptoError/invalidPasswordHash(detail:)`` where `text` is no such hash, or asks for more than
    ///   128 MiB or more work than four times today's; such a text is not computed at all.
    public static func verify(_ password: Secret<String>, against text: String) async throws(CryptoError) -> Bool {
        let stored = try PasswordHashText(text)
        let hash = try await onQueue { () throws(CryptoError) in
            try scrypt(password, salt: stored.salt, parameters: stored.parameters, length: stored.hash.count)
        }
        return ConstantTime.isEqual(hash, stored.hash)
    }

    /// Whether `text` was made with other parameters than new hashes are; make it again at the next login.
    public static func isOutdated(_ text: String) throws(CryptoError) -> Bool {
        try PasswordHashText(text).parameters != .recommended
    }

    static func scrypt(
        _ password: Secret<String>, salt: [UInt8], parameters: ScryptParameters, length: Int
    ) throws(CryptoError) -> [UInt8] {
        var password = password.reveal().utf8.map(CChar.init(bitPattern:))
        defer { password.cleanse() }
        var hash = [UInt8](repeating: 0, count: length)
        let result = EVP_PBE_scrypt(
            password, password.count, salt, salt.count, 1 << UInt64(parameters.logN), UInt64(parameters.blockSize),
            UInt64(parameters.parallelism), UInt64(ScryptParameters.memoryLimit) * 2, &hash, length)
        try CryptoError.check(result, "compute a password hash")
        return hash
    }

    private static func onQueue(
        _ work: @escaping @Sendable () throws(CryptoError) -> [UInt8]
    ) async throws(CryptoError) -> [UInt8] {
        let result: Result<[UInt8], CryptoError> = await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(returning: Result(catching: work))
            }
        }
        return try result.get()
    }
}
