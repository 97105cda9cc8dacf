import LabCrypto
import Testing

@Suite("Digests")
struct DigestTests {
    @Test(
        "SHA-256 gives the digests of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func sha256(_ text: String, _ expected: String) {
        #expect(Hex.encode(SHA256.hash(Array(text.utf8))) == expected)
    }

    @Test("SHA-256 of a million letters is the same in one piece and in many")
    func incremental() {
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
        var hash = SHA256()
        for index in 0..<1000 {
            if index.isMultiple(of: 2) { hash.update(piece) } else { hash.update(piece.span.bytes) }
        }
        hash.update([])
        let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        #expect(Hex.encode(hash.finalize()) == expected)
        #expect(Hex.encode(SHA256.hash([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))) == expected)
    }

    @Test("HMAC gives the codes of RFC 4231", arguments: HMACVector.rfc4231)
    func hmac(_ vector: HMACVector) throws {
        let code = HMAC.authenticate(vector.message, key: vector.key)
        #expect(Hex.encode(code) == vector.code)
        #expect(HMAC.isValid(code, for: vector.message, key: vector.key))
        #expect(!HMAC.isValid(code, for: vector.message + [0], key: vector.key))
        #expect(!HMAC.isValid(Array(code.dropLast()), for: vector.message, key: vector.key))
    }

    @Test("an HMAC with an empty key does not use the key of an earlier call")
    func emptyKey() {
        _ = HMAC.authenticate([1, 2, 3], key: [7, 7, 7])
        #expect(
            Hex.encode(HMAC.authenticate([], key: []))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test("values are equal in constant time exactly when they are equal")
    func constantTime() {
        #expect(ConstantTime.isEqual([UInt8](), []))
        #expect(ConstantTime.isEqual("token", "token"))
        #expect(!ConstantTime.isEqual("token", "tokem"))
        #expect(!ConstantTime.isEqual("token", "token1"))
    }
}

struct HMACVector: Sendable {
    let key: [UInt8]
    let message: [UInt8]
    let code: String

    /// RFC 4231, section 4; case 5 is left out, since it is about cutting codes short.
    static let rfc4231 = [
        HMACVector(
            key: .init(repeating: 0x0b, count: 20), message: Array("Hi There".utf8),
            code: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        HMACVector(
            key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8),
            code: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        HMACVector(
            key: .init(repeating: 0xaa, count: 20), message: .init(repeating: 0xdd, count: 50),
            code: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        HMACVector(
            key: Array(1...25), message: .init(repeating: 0xcd, count: 50),
            code: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        HMACVector(
            key: .init(repeating: 0xaa, count: 131),
            message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            code: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ]
}
