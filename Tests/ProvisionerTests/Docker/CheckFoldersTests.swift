import Foundation
import LabTesting
import Testing

@testable import Provisioner

@Suite("The folders that Compose files are checked in")
struct CheckFoldersTests {
    @Test("what killed processes left is taken away, and what is in use and the apps' folders stay")
    func leftovers() async throws {
        try await withTemporaryDirectory { directory in
            // Numbers of processes end at 4,194,304 (proc(5), pid_max).
            for name in [".check-4194999-a", ".check-\(getpid())-of-an-earlier-one", ".check-0123-old-form", "notes"] {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
            }
            let folders = CheckFolders(directory: directory)
            try await folders.with { folder in
                try folder.write(["a": "b"], compose: "services: {}")
                folders.removeLeftovers()
                let present = try FileManager.default.contentsOfDirectory(atPath: directory)
                #expect(present.count { $0.hasPrefix(".check-\(getpid())-") } == 1)
                #expect(present.contains("notes"))
                #expect(!present.contains(".check-4194999-a"))
            }
            let rest = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(!rest.contains { $0.hasPrefix(".check-\(getpid())-") })
        }
    }
}
