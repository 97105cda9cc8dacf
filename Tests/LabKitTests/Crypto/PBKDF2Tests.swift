import LabCrypto
import Testing

@Suite("PBKDF2 with HMAC-SHA-512")
struct PBKDF2Tests {
    /// The same as hashlib.pbkdf2_hmac of Python 3.11 gives.
    @Test("the known answers come out")
    func knownAnswers() throws {
        let once = try PBKDF2.key(password: Array("password".utf8), salt: Array("salt".utf8), iterations: 1, count: 20)
        #expect(Hex.encode(once) == "867f70cf1ade02cff3752599a3a53dc4af34c7a6")
        let twice = try PBKDF2.key(password: Array("password".utf8), salt: Array("salt".utf8), iterations: 2, count: 20)
        #expect(Hex.encode(twice) == "e1d9c16aa681708a45f5c7c4e215ceb66e011a2e")
    }

    @Test("what cannot be asked for is refused")
    func refusals() {
        #expect(throws: CryptoError.self) { try PBKDF2.key(password: [], salt: [], iterations: 0, count: 20) }
        #expect(throws: CryptoError.self) { try PBKDF2.key(password: [], salt: [], iterations: 1, count: 0) }
    }
}
