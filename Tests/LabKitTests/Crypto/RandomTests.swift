import LabCore
import LabCrypto
import Testing

@Suite("Random values and their texts")
struct RandomTests {
    @Test("a token has its prefix, 256 bits in URL-safe text, and is never the same")
    func tokens() throws {
        let tokens = (0..<1000).map { _ in RandomToken.make().reveal() }
        #expect(Set(tokens).count == 1000)
        for token in tokens {
            #expect(token.hasPrefix("lab_"))
            #expect(Base64.decode(String(token.dropFirst(4)))?.count == 32)
        }
        #expect(RandomToken.make(prefix: "join_").reveal().hasPrefix("join_"))
        #expect("\(RandomToken.make())" == "•••")
    }

    @Test(
        "base64 gives the texts of RFC 4648 without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(_ text: String, _ expected: String) {
        #expect(Base64.encode(Array(text.utf8)) == expected)
        #expect(Base64.decode(expected) == Array(text.utf8))
    }

    @Test("the two alphabets differ in two characters and do not read each other's")
    func alphabets() {
        #expect(Base64.encode([0xFB, 0xEF, 0xFF], alphabet: .standard) == "++//")
        #expect(Base64.encode([0xFB, 0xEF, 0xFF]) == "--__")
        #expect(Base64.decode("++//") == nil)
        #expect(Base64.decode("--__", alphabet: .standard) == nil)
    }

    @Test("base64 that nobody would write is refused", arguments: ["Z", "Zh", "Zg==", "Zm9", "Zm 9v", "Zm9v\n"])
    func malformed(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test("hexadecimal text returns to the same bytes")
    func hex() {
        let bytes = [UInt8](0...255)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.decode("aAfF") == [0xAA, 0xFF])
        #expect(Hex.encode([0xAB, 0x01], separator: ":") == "ab:01")
        #expect(Hex.decode("a") == nil)
        #expect(Hex.decode("0g") == nil)
    }
}
