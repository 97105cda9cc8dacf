import Foundation
import LabCore
import LabCrypto
import Testing

@Suite("Certificate verification")
struct CertificateVerificationTests {
    @Test(
        "a chain is trusted for each of its names",
        arguments: ["nas.home.arpa", "x.apps.home.arpa", "192.168.1.10", "fd00::1"])
    func trusted(_ name: String) throws {
        let lab = try Lab()
        let issued = try lab.issue("nas.home.arpa", "*.apps.home.arpa", "192.168.1.10", "fd00::1")
        try CertificateChain(pem: issued.chainPEM).verify(
            against: lab.root.certificate, at: lab.now, for: CertificateName(name))
    }

    @Test(
        "a chain is not trusted for other names, and the reason names them",
        arguments: ["other.home.arpa", "apps.home.arpa", "a.b.apps.home.arpa", "192.168.1.11"])
    func otherName(_ name: String) throws {
        let lab = try Lab()
        let issued = try lab.issue("nas.home.arpa", "*.apps.home.arpa", "192.168.1.10")
        let error = #expect(throws: CryptoError.self) {
            try CertificateChain(pem: issued.chainPEM).verify(
                against: lab.root.certificate, at: lab.now, for: CertificateName(name))
        }
        #expect(error?.description.contains("not for \(name)") == true)
    }

    @Test("a chain is not trusted before its time or after it")
    func dates() throws {
        let lab = try Lab()
        let chain = try CertificateChain(pem: lab.issue("nas.home.arpa").chainPEM)
        let late = #expect(throws: CryptoError.self) {
            try chain.verify(against: lab.root.certificate, at: lab.now + 91 * Lab.day)
        }
        #expect(late?.description.contains("it expired at 2027-04-15T08:00:00") == true)
        let early = #expect(throws: CryptoError.self) {
            try chain.verify(against: lab.root.certificate, at: lab.now - Lab.day)
        }
        #expect(early?.description.contains("it is valid from") == true)
    }

    @Test("a chain is not trusted under another root, or without its intermediate")
    func otherRoot() throws {
        let lab = try Lab()
        let issued = try lab.issue("nas.home.arpa")
        let chain = try CertificateChain(pem: issued.chainPEM)
        #expect(throws: CryptoError.self) { try chain.verify(against: Lab().root.certificate, at: lab.now) }
        let alone = CertificateChain(leaf: chain.leaf, authorities: [])
        let error = #expect(throws: CryptoError.self) { try alone.verify(against: lab.root.certificate, at: lab.now) }
        #expect(error?.description.contains("neither in the chain nor the trusted root") == true)
    }

    @Test("damaged PEM is refused")
    func damaged() throws {
        let pem = try Lab().issue("nas.home.arpa").chainPEM
        #expect(try CertificateChain(pem: pem).authorities.count == 1)
        #expect(try CertificateChain(pem: "some text\n" + pem).authorities.count == 1)
        for text in ["", "hello", String(pem.dropLast(100)), pem.replacing("MII", with: "AII")] {
            #expect(throws: CryptoError.self) { try CertificateChain(pem: text) }
        }
        #expect(throws: CryptoError.self) { try PrivateKey(pem: Secret(pem)) }
    }
}
