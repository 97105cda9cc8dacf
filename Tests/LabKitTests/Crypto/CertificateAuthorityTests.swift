import Foundation
import LabCore
import LabCrypto
import Testing

@Suite("Certificate authority")
struct CertificateAuthorityTests {
    @Test("a leaf is for its names, lives 90 days and is renewed after 60")
    func leaf() throws {
        let lab = try Lab()
        let issued = try lab.issue("nas.home.arpa", "*.apps.home.arpa", "192.168.1.10", "fd00::1")
        let certificate = issued.certificate
        #expect(certificate.subject == "CN=nas.home.arpa")
        #expect(certificate.issuer == lab.authority.certificate.subject)
        #expect(certificate.names == ["nas.home.arpa", "*.apps.home.arpa", "192.168.1.10", "fd00::1"])
        #expect(certificate.notBefore == lab.now - 300)
        #expect(certificate.notAfter == lab.now + 90 * Lab.day)
        #expect(abs(issued.renewalDate.timeIntervalSince(lab.now + 60 * Lab.day)) < 300)
        #expect(!certificate.isAuthority)
        #expect(certificate.serialNumber.count == 32)
        #expect(try certificate.matches(PrivateKey(pem: issued.privateKeyPEM)))
        #expect(!certificate.matches(lab.authority.privateKey))
    }

    @Test("the root is named after the domain and lives ten years, the intermediate one")
    func authorities() throws {
        let lab = try Lab()
        #expect(lab.root.certificate.subject == "CN=Homelab Root CA – home.arpa")
        #expect(lab.root.certificate.isAuthority && lab.authority.certificate.isAuthority)
        #expect(lab.root.certificate.notAfter == lab.now + 3652.5 * Lab.day)
        #expect(lab.authority.certificate.notAfter == lab.now + 365 * Lab.day)
        #expect(lab.authority.renewalDate > lab.now + 243 * Lab.day)
        #expect(lab.authority.renewalDate + 90 * Lab.day < lab.authority.certificate.notAfter)
    }

    @Test("a root of a domain too long for a common name can be made all the same")
    func longDomain() throws {
        let domain = try Hostname(String(repeating: "abcdefghi.", count: 12) + "home.arpa")
        let root = try RootAuthority(domain: domain, at: Date())
        let name = CertificateName(try Hostname("nas.\(domain)"))
        let issued = try root.makeIntermediate(at: Date()).issue(for: [name], at: Date())
        #expect(issued.certificate.subject.isEmpty)
        try CertificateChain(pem: issued.chainPEM).verify(against: root.certificate, at: Date(), for: name)
    }

    @Test("authorities work again after they were stored")
    func stored() throws {
        let lab = try Lab()
        let root = try RootAuthority(certificatePEM: lab.root.certificate.pem, keyPEM: lab.root.privateKey.pem)
        let authority = try CertificateAuthority(
            certificatePEM: lab.authority.certificate.pem, keyPEM: lab.authority.privateKey.pem)
        #expect(root.permittedDomain?.text == "home.arpa")
        #expect(authority.permittedDomain?.text == "home.arpa")
        let issued = try authority.issue(for: [CertificateName("nas.home.arpa")], at: lab.now)
        try CertificateChain(pem: issued.chainPEM).verify(against: root.certificate, at: lab.now)
        #expect(throws: CryptoError.self) {
            try CertificateAuthority(certificatePEM: lab.authority.certificate.pem, keyPEM: lab.root.privateKey.pem)
        }
        #expect(throws: CryptoError.self) {
            try CertificateAuthority(certificatePEM: issued.certificate.pem, keyPEM: issued.privateKeyPEM)
        }
    }

    @Test("names outside the domain are refused", arguments: ["example.org", "xhome.arpa", "*.org.arpa"])
    func outside(_ name: String) throws {
        let lab = try Lab()
        let error = #expect(throws: CryptoError.self) { try lab.issue("nas.home.arpa", name) }
        #expect(error?.description.contains("“\(name)” lies outside home.arpa") == true)
    }

    @Test("an unconstrained root signs for any name")
    func unconstrained() throws {
        let lab = try Lab(constrainsNames: false)
        #expect(lab.authority.permittedDomain == nil)
        let issued = try lab.issue("example.org")
        try CertificateChain(pem: issued.chainPEM).verify(
            against: lab.root.certificate, at: lab.now, for: CertificateName("example.org"))
    }

    @Test("a leaf never outlives its issuer, and an expired issuer issues nothing")
    func issuerEnds() throws {
        let lab = try Lab()
        let late = lab.now + 360 * Lab.day
        #expect(try lab.issue("nas.home.arpa", at: late).certificate.notAfter == lab.authority.certificate.notAfter)
        #expect(throws: CryptoError.self) { try lab.issue("nas.home.arpa", at: lab.now + 366 * Lab.day) }
        #expect(throws: CryptoError.self) { try lab.root.makeIntermediate(at: lab.now + 4000 * Lab.day) }
        #expect(throws: CryptoError.self) { try lab.authority.issue(for: [], at: lab.now) }
    }

    @Test("after the intermediate was renewed old leaves stay valid, and so do new ones")
    func rotation() throws {
        let lab = try Lab()
        let renewal = lab.authority.renewalDate
        let old = try lab.issue("nas.home.arpa", at: renewal - 1)
        let next = try lab.root.makeIntermediate(at: renewal)
        let new = try next.issue(for: [CertificateName("nas.home.arpa")], at: renewal)
        let later = renewal + 89 * Lab.day
        try CertificateChain(pem: old.chainPEM).verify(against: lab.root.certificate, at: later)
        try CertificateChain(pem: new.chainPEM).verify(against: lab.root.certificate, at: later)
    }

    @Test("a hundred tasks issue certificates at once, each with its own number")
    func concurrency() async throws {
        let lab = try Lab()
        let numbers = try await withThrowingTaskGroup(of: String.self) { group in
            for index in 0..<100 {
                group.addTask {
                    let name = try CertificateName("host-\(index).home.arpa")
                    let issued = try lab.authority.issue(for: [name], at: lab.now)
                    try CertificateChain(pem: issued.chainPEM).verify(
                        against: lab.root.certificate, at: lab.now, for: name)
                    return issued.certificate.serialNumber
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(numbers.count == 100)
    }

    @Test(
        "text that is no name cannot become one",
        arguments: ["a.b,DNS:evil.org", "", "*", "*.arpa", "a.*.b", "fe80::1%eth0"])
    func badNames(_ text: String) {
        #expect(throws: InvalidText.self) { try CertificateName(text) }
    }
}
