import LabCore
import Testing

@testable import LabCrypto

@Suite("Sealing")
struct SealingTests {
    private let ring = SealingKeyRing(newest: .generate())
    private let secret = Array("correct horse battery staple".utf8)

    @Test("a sealed secret opens under its context", arguments: [0, 1, 15, 16, 17, 100_000])
    func roundTrip(_ count: Int) throws {
        let plaintext = RandomBytes.make(count)
        let box = try ring.seal(plaintext, context: "a")
        #expect(box.count == count + SealingKeyRing.overhead)
        #expect(try ring.open(box, context: "a") == plaintext)
    }

    @Test("a text opens as the same text, and the box does not hold it in the clear")
    func text() throws {
        let box = try ring.seal(Secret("grüße"), context: "a")
        #expect(try ring.openText(box, context: "a").reveal() == "grüße")
        #expect(!String(decoding: box, as: UTF8.self).contains("grüße"))
    }

    @Test("two boxes of one secret differ")
    func nonce() throws {
        #expect(try ring.seal(secret, context: "a") != ring.seal(secret, context: "a"))
    }

    @Test("a box does not open with any of its bytes changed, removed or added")
    func tampered() throws {
        let box = try ring.seal(secret, context: "a")
        for index in box.indices {
            for mask: UInt8 in [0x01, 0x80, 0xFF] {
                var changed = box
                changed[index] ^= mask
                let error = #expect(throws: CryptoError.self) { try ring.open(changed, context: "a") }
                switch (index, error) {
                case (0, .unknownBoxVersion), (1...8, .unknownSealingKey), (9..., .tamperedBox): break
                default: Issue.record("byte \(index) gave \(String(describing: error))")
                }
            }
            #expect(throws: CryptoError.self) { try ring.open(Array(box[..<index]), context: "a") }
        }
        #expect(throws: CryptoError.tamperedBox(context: "a")) { try ring.open(box + [0], context: "a") }
    }

    @Test("a box that is cut into its header says so")
    func truncated() throws {
        let box = try ring.seal([], context: "a")
        #expect(throws: CryptoError.truncatedBox(length: 36)) { try ring.open(Array(box.dropLast()), context: "a") }
        #expect(throws: CryptoError.truncatedBox(length: 0)) { try ring.open([], context: "a") }
    }

    @Test("a box does not open under another context")
    func context() throws {
        let box = try ring.seal(secret, context: "app/nas")
        #expect(throws: CryptoError.tamperedBox(context: "app/nas2")) { try ring.open(box, context: "app/nas2") }
        #expect(throws: CryptoError.tamperedBox(context: "")) { try ring.open(box, context: "") }
    }

    @Test("a box does not open with another key, and the message names the key")
    func wrongKey() throws {
        let box = try ring.seal(secret, context: "a")
        let other = SealingKeyRing(newest: .generate())
        let error = #expect(throws: CryptoError.unknownSealingKey(identifier: ring.newest.identifier)) {
            try other.open(box, context: "a")
        }
        #expect(error?.description.contains(ring.newest.identifier) == true)
    }

    @Test("after a rotation old boxes still open, are known as outdated, and new ones use the new key")
    func rotation() throws {
        let box = try ring.seal(secret, context: "a")
        let rotated = SealingKeyRing(newest: .generate(), older: ring.keys)
        #expect(try rotated.open(box, context: "a") == secret)
        #expect(try rotated.isOutdated(box))
        let renewed = try rotated.seal(secret, context: "a")
        #expect(try !rotated.isOutdated(renewed))
        #expect(throws: CryptoError.unknownSealingKey(identifier: rotated.newest.identifier)) {
            try ring.open(renewed, context: "a")
        }
    }

    @Test("a key has 32 bytes and keeps its identifier")
    func keyLength() throws {
        #expect(throws: CryptoError.self) { try SealingKey(Secret([1, 2, 3])) }
        let key = SealingKey.generate()
        #expect(try SealingKey(key.bytes).identifier == key.identifier)
        #expect(key.identifier.count == 16)
    }

    /// Cases 13 to 16 of the GCM specification by McGrew and Viega, the 256-bit key ones with a 96-bit nonce.
    @Test("AES-256-GCM gives the ciphertexts of its specification", arguments: GCMVector.specification)
    func vectors(_ vector: GCMVector) throws {
        let key = SecretBytes(try #require(Hex.decode(vector.key)))
        let nonce = try #require(Hex.decode(vector.nonce))
        let plaintext = try #require(Hex.decode(vector.plaintext))
        let header = try #require(Hex.decode(vector.header))
        let sealed = try AESGCM.seal(plaintext, key: key, nonce: nonce, authenticating: header)
        #expect(Hex.encode(sealed) == vector.ciphertext + vector.tag)
        #expect(try AESGCM.open(sealed[...], key: key, nonce: nonce, authenticating: header) == plaintext)
    }
}

struct GCMVector: Sendable {
    let key: String
    let nonce: String
    let plaintext: String
    let header: String
    let ciphertext: String
    let tag: String

    private static let longKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    private static let longPlaintext =
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
    private static let longCiphertext =
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"

    static let specification = [
        GCMVector(
            key: .init(repeating: "00", count: 32), nonce: .init(repeating: "00", count: 12), plaintext: "", header: "",
            ciphertext: "", tag: "530f8afbc74536b9a963b4f1c4cb738b"),
        GCMVector(
            key: .init(repeating: "00", count: 32), nonce: .init(repeating: "00", count: 12),
            plaintext: .init(repeating: "00", count: 16), header: "", ciphertext: "cea7403d4d606b6e074ec5d3baf39d18",
            tag: "d0d1c8a799996bf0265b98b5d48ab919"),
        GCMVector(
            key: longKey, nonce: "cafebabefacedbaddecaf888", plaintext: longPlaintext, header: "",
            ciphertext: longCiphertext, tag: "b094dac5d93471bdec1a502270e3cc6c"),
        GCMVector(
            key: longKey, nonce: "cafebabefacedbaddecaf888", plaintext: .init(longPlaintext.dropLast(8)),
            header: "feedfacedeadbeeffeedfacedeadbeefabaddad2", ciphertext: .init(longCiphertext.dropLast(8)),
            tag: "76fc6ece0f4e1768cddf8853bb2d551b"),
    ]
}
