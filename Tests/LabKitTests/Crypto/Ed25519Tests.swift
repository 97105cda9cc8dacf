import LabCore
import LabCrypto
import Testing

@Suite("Ed25519")
struct Ed25519Tests {
    @Test("keys and signatures are those of RFC 8032, section 7.1", arguments: Ed25519Vector.rfc8032)
    func vectors(_ vector: Ed25519Vector) throws {
        let seed = try #require(Hex.decode(vector.seed))
        let message = try #require(Hex.decode(vector.message))
        let signature = try #require(Hex.decode(vector.signature))
        let key = try Ed25519.PrivateKey(seed: Secret(seed))
        #expect(Hex.encode(key.publicKey.bytes) == vector.publicKey)
        #expect(try key.sign(message) == signature)
        #expect(try key.seed.reveal() == seed)
        let publicKey = try Ed25519.PublicKey(try #require(Hex.decode(vector.publicKey)))
        #expect(publicKey.isValid(signature, for: message))
        #expect(!publicKey.isValid(signature, for: message + [0]))
    }

    @Test("a signature with any byte changed is not valid")
    func tampered() throws {
        let key = try Ed25519.PrivateKey()
        let message = Array("1700000000{\"type\":1}".utf8)
        let signature = try key.sign(message)
        #expect(key.publicKey.isValid(signature, for: message))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.publicKey.isValid(changed, for: message))
        }
        #expect(!key.publicKey.isValid([], for: message))
        #expect(!key.publicKey.isValid(signature + [0], for: message))
        #expect(try !Ed25519.PrivateKey().publicKey.isValid(signature, for: message))
    }

    @Test("keys of another length are refused", arguments: [0, 31, 33, 64])
    func keyLength(_ count: Int) {
        let bytes = [UInt8](repeating: 1, count: count)
        #expect(throws: CryptoError.self) { try Ed25519.PublicKey(bytes) }
        #expect(throws: CryptoError.self) { try Ed25519.PrivateKey(seed: Secret(bytes)) }
    }
}

struct Ed25519Vector: Sendable {
    let seed: String
    let publicKey: String
    let message: String
    let signature: String

    static let rfc8032 = [
        Ed25519Vector(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        Ed25519Vector(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        Ed25519Vector(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]
}
