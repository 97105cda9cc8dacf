import LabCore
import Testing

@testable import LabCrypto

@Suite("Password hashes")
struct PasswordHashTests {
    @Test("scrypt gives the keys of RFC 7914, section 12")
    func vectors() throws {
        let cases: [(String, String, ScryptParameters, String)] = [
            (
                "", "", ScryptParameters(logN: 4, blockSize: 1, parallelism: 1),
                "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                    + "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
            ),
            (
                "password", "NaCl", ScryptParameters(logN: 10, blockSize: 8, parallelism: 16),
                "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                    + "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
            ),
            (
                "pleaseletmein", "SodiumChloride", ScryptParameters(logN: 14, blockSize: 8, parallelism: 1),
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                    + "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
            ),
        ]
        for (password, salt, parameters, expected) in cases {
            let key = try PasswordHash.scrypt(
                Secret(password), salt: Array(salt.utf8), parameters: parameters, length: 64)
            #expect(Hex.encode(key) == expected)
        }
    }

    @Test("a password is known again by its hash, and no other is")
    func verify() async throws {
        let hash = try await PasswordHash.make(Secret("korrekt Pferd"))
        #expect(hash.hasPrefix("$scrypt$ln=15,r=8,p=1$"))
        #expect(try await PasswordHash.verify(Secret("korrekt Pferd"), against: hash))
        #expect(try await !PasswordHash.verify(Secret("korrekt pferd"), against: hash))
        #expect(try await !PasswordHash.verify(Secret(""), against: hash))
        #expect(try await PasswordHash.make(Secret("korrekt Pferd")) != hash)
        #expect(try !PasswordHash.isOutdated(hash))
        #expect(try PasswordHash.isOutdated(hash.replacing("ln=15", with: "ln=14")))
    }

    @Test(
        "a hash that is no hash, or would cost too much, is refused before any work",
        arguments: [
            "", "secret", "$scrypt$", "$argon2id$v=19$m=65536$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=31,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=18,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=15,r=8,p=16$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=15,r=99999999999999,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=15,r=9223372036854775807,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=0,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=-1,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$r=8,ln=15,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=15,r=8,p=1,x=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$scrypt$ln=15,r=8,p=1$$aGFzaGhhc2hoYXNoaGFzaA", "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$",
            "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA$",
        ])
    func hostile(_ text: String) async {
        await #expect(throws: CryptoError.self) { try await PasswordHash.verify(Secret("x"), against: text) }
    }
}
