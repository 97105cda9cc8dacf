import Foundation
import LabCore
import LabCrypto
import Testing

/// What the program `openssl` thinks of what was made here.
@Suite("Certificates in the eyes of others")
struct OpenSSLToolTests {
    @Test("openssl verify accepts a leaf with strict checks, and refuses it later or for another name")
    func verify() async throws {
        let lab = try Lab()
        let issued = try lab.issue("nas.home.arpa", "192.168.1.10")
        try await withTemporaryFolder { folder in
            let root = try lab.root.certificate.pem.write(to: folder, "root.pem")
            let authority = try lab.authority.certificate.pem.write(to: folder, "authority.pem")
            let leaf = try issued.certificate.pem.write(to: folder, "leaf.pem")
            func verify(at date: Date, host: String) async throws -> OpenSSLTool.Outcome {
                try await OpenSSLTool.run(
                    "verify", "-x509_strict", "-purpose", "sslserver", "-attime", "\(Int(date.timeIntervalSince1970))",
                    "-verify_hostname", host, "-CAfile", root, "-untrusted", authority, leaf)
            }
            let good = try await verify(at: lab.now, host: "nas.home.arpa")
            #expect(good.status == 0, "\(good.output)")
            #expect(try await verify(at: lab.now + 91 * Lab.day, host: "nas.home.arpa").output.contains("expired"))
            #expect(try await verify(at: lab.now, host: "x.home.arpa").output.contains("hostname mismatch"))
        }
    }

    @Test("a name outside the root's constraint is not trusted, even where an intermediate without one signed it")
    func constraint() async throws {
        let lab = try Lab(at: Date())
        try await withTemporaryFolder { folder in
            let rootKey = try lab.root.privateKey.pem.reveal().write(to: folder, "root.key")
            let root = try lab.root.certificate.pem.write(to: folder, "root.pem")
            let key = try PrivateKey()
            let keyPath = try key.pem.reveal().write(to: folder, "rogue.key")
            let extensions = try "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
                .write(to: folder, "extensions")
            let (request, rogue) = ("\(folder)/rogue.csr", "\(folder)/rogue.pem")
            let asking = try await OpenSSLTool.run(
                "req", "-new", "-key", keyPath, "-subj", "/CN=Rogue", "-out", request)
            #expect(asking.status == 0, "\(asking.output)")
            let signing = try await OpenSSLTool.run(
                "x509", "-req", "-in", request, "-CA", root, "-CAkey", rootKey, "-set_serial", "2", "-days", "365",
                "-extfile", extensions, "-out", rogue)
            #expect(signing.status == 0, "\(signing.output)")

            let authority = try CertificateAuthority(
                certificatePEM: String(contentsOfFile: rogue, encoding: .utf8), keyPEM: key.pem)
            let later = Date().addingTimeInterval(60)
            let issued = try authority.issue(for: [CertificateName("example.org")], at: later)
            let leaf = try issued.certificate.pem.write(to: folder, "leaf.pem")
            let outcome = try await OpenSSLTool.run(
                "verify", "-no_check_time", "-CAfile", root, "-untrusted", rogue, leaf)
            #expect(outcome.status != 0)
            #expect(outcome.output.contains("permitted subtree violation"), "\(outcome.output)")
            let error = #expect(throws: CryptoError.self) {
                try CertificateChain(pem: issued.chainPEM).verify(against: lab.root.certificate, at: later)
            }
            #expect(error?.description.contains("may not sign for example.org") == true)
        }
    }

    @Test("openssl shows the extensions that were meant")
    func text() async throws {
        let lab = try Lab()
        let issued = try lab.issue("nas.home.arpa", "*.apps.home.arpa", "192.168.1.10", "fd00::1")
        try await withTemporaryFolder { folder in
            let leaf = try await show(issued.certificate, in: folder)
            #expect(
                leaf.contains("DNS:nas.home.arpa, DNS:*.apps.home.arpa, IP Address:192.168.1.10, IP Address:FD00:0"))
            #expect(leaf.contains("TLS Web Server Authentication"))
            #expect(leaf.contains("CA:FALSE"))
            #expect(leaf.contains("X509v3 Authority Key Identifier"))
            let root = try await show(lab.root.certificate, in: folder)
            #expect(root.contains("X509v3 Name Constraints: critical"))
            #expect(root.contains("DNS:home.arpa"))
            #expect(root.contains("CA:TRUE, pathlen:1"))
            #expect(try await show(lab.authority.certificate, in: folder).contains("CA:TRUE, pathlen:0"))
        }
    }

    @Test("a TLS client trusts a server with an issued chain, for its name only")
    func handshake() async throws {
        let lab = try Lab(at: Date())
        let issued = try lab.issue("nas.home.arpa")
        try await withTemporaryFolder { folder in
            let root = try lab.root.certificate.pem.write(to: folder, "root.pem")
            let chain = try issued.chainPEM.write(to: folder, "chain.pem")
            let key = try issued.privateKeyPEM.reveal().write(to: folder, "key.pem")
            try await OpenSSLTool.withServer(chain: chain, key: key) { port in
                func connect(_ host: String) async throws -> OpenSSLTool.Outcome {
                    try await OpenSSLTool.run(
                        "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", root, "-verify_return_error",
                        "-verify_hostname", host, "-brief")
                }
                let good = try await connect("nas.home.arpa")
                #expect(good.status == 0, "\(good.output)")
                #expect(good.output.contains("Verification: OK"), "\(good.output)")
                let bad = try await connect("other.home.arpa")
                #expect(bad.status != 0)
                #expect(bad.output.contains("hostname mismatch"), "\(bad.output)")
            }
        }
    }

    @Test("openssl accepts a request and shows its names")
    func request() async throws {
        let names = try ["nas.example.org", "*.example.org"].map { try CertificateName($0) }
        let request = try CertificateRequest(for: names, key: PrivateKey())
        try await withTemporaryFolder { folder in
            let path = try request.pem.write(to: folder, "request.pem")
            let outcome = try await OpenSSLTool.run("req", "-in", path, "-noout", "-text", "-verify")
            #expect(outcome.status == 0, "\(outcome.output)")
            #expect(outcome.output.contains("DNS:nas.example.org, DNS:*.example.org"))
            let binary = "\(folder)/request.der"
            try Data(request.der).write(to: URL(filePath: binary))
            #expect(try await OpenSSLTool.run("req", "-inform", "DER", "-in", binary, "-noout", "-verify").status == 0)
        }
        #expect(throws: CryptoError.self) { try CertificateRequest(for: [], key: PrivateKey()) }
    }

    @Test("keys of other kinds and forms can be read, encrypted ones are refused without a prompt")
    func keys() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/key.pem"
            for arguments in [["genrsa", "-out"], ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"]] {
                #expect(try await OpenSSLTool.run(arguments + [path]).status == 0)
                let key = try PrivateKey(pem: Secret(String(contentsOfFile: path, encoding: .utf8)))
                #expect(try key.pem.reveal().hasPrefix("-----BEGIN PRIVATE KEY-----"))
            }
            #expect(try await OpenSSLTool.run(["genrsa", "-aes128", "-passout", "pass:x", "-out", path]).status == 0)
            #expect(throws: CryptoError.self) {
                try PrivateKey(pem: Secret(String(contentsOfFile: path, encoding: .utf8)))
            }
        }
    }

    private func show(_ certificate: Certificate, in folder: String) async throws -> String {
        let path = try certificate.pem.write(to: folder, "shown.pem")
        return try await OpenSSLTool.run("x509", "-in", path, "-noout", "-text").output
    }
}
