import Foundation
import LabCore
import LabCrypto
import Testing

@Suite("Sealing key file")
struct SealingKeyFileTests {
    @Test("the file is made once, for its owner only, and gives the same key again")
    func create() throws {
        try withTemporaryFolder { folder in
            let file = SealingKeyFile(path: "\(folder)/keys")
            let ring = try file.loadOrCreate()
            #expect(try mode(of: file.path) == 0o600)
            let box = try ring.seal(Secret("x"), context: "a")
            #expect(try file.loadOrCreate().openText(box, context: "a").reveal() == "x")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["keys"])
        }
    }

    @Test("programs that make the file at once use one key")
    func race() async throws {
        try await withTemporaryFolder { folder in
            let identifiers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask { try SealingKeyFile(path: "\(folder)/keys").loadOrCreate().newest.identifier }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(identifiers.count == 1)
        }
    }

    @Test(
        "a file that others can read is refused, with the command that helps", arguments: [0o640, 0o604, 0o660, 0o644])
    func readable(_ mode: Int) throws {
        try withTemporaryFolder { folder in
            let file = SealingKeyFile(path: "\(folder)/keys")
            _ = try file.loadOrCreate()
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
            let error = #expect(throws: CryptoError.self) { try file.loadOrCreate() }
            #expect(error?.description.contains("chmod 600 \(file.path)") == true)
        }
    }

    @Test("a rotated file opens old boxes and seals with the new key, until the old one is forgotten")
    func rotate() throws {
        try withTemporaryFolder { folder in
            let file = SealingKeyFile(path: "\(folder)/keys")
            let box = try file.loadOrCreate().seal(Secret("x"), context: "a")
            let rotated = try file.rotate()
            #expect(try mode(of: file.path) == 0o600)
            #expect(try file.load().newest.identifier == rotated.newest.identifier)
            #expect(try file.load().openText(box, context: "a").reveal() == "x")
            #expect(try rotated.isOutdated(box))
            _ = try file.forgetOlderKeys()
            #expect(throws: CryptoError.self) { try file.load().open(box, context: "a") }
        }
    }

    @Test("a damaged or missing file says what is wrong and is not replaced")
    func damaged() throws {
        try withTemporaryFolder { folder in
            let file = SealingKeyFile(path: "\(folder)/keys")
            #expect(
                throws: CryptoError.keyFile(
                    path: file.path, detail: "it does not exist", remedy: "Restore it from a backup")
            ) { try file.load() }
            for content in ["", "# no key\n", "not a key\n", "AAAA\n"] {
                try Data(content.utf8).write(to: URL(filePath: file.path))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
                #expect(throws: CryptoError.self) { try file.loadOrCreate() }
                #expect(try Data(contentsOf: URL(filePath: file.path)) == Data(content.utf8))
            }
            #expect(throws: CryptoError.self) { try SealingKeyFile(path: folder).load() }
            #expect(throws: CryptoError.self) { try SealingKeyFile(path: "\(folder)/none/keys").loadOrCreate() }
        }
    }

    private func mode(of path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? NSNumber).intValue
    }
}
