import Foundation
import LabCore
import LabTesting
import Testing

@testable import Provisioner

@Suite("The folder of an app")
struct ProjectFolderTests {
    @Test("scripts can be run, other files cannot; what is there already is not written again")
    func write() async throws {
        try await withTemporaryDirectory { directory in
            let folder = ProjectFolder(path: directory + "/app")
            let files = ["bin/start.sh": "#!/bin/sh\necho hello\n", "data/page.html": "hello\n"]
            try folder.write(files, compose: "services: {}")
            #expect(access(folder.project + "/bin/start.sh", X_OK) == 0)
            let page = folder.project + "/data/page.html"
            var before = stat()
            #expect(stat(page, &before) == 0 && before.st_mode & 0o111 == 0)

            try folder.write(files, compose: nil)
            var after = stat()
            #expect(stat(page, &after) == 0)
            #expect(after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
            try folder.write(["data/page.html": "good bye\n"], compose: nil)
            #expect(try String(contentsOfFile: page, encoding: .utf8) == "good bye\n")
            // A file that is mounted alone is known by its inode.
            #expect(stat(page, &after) == 0 && after.st_ino == before.st_ino)
        }
    }

    @Test("what was written is taken away again, with folders that are empty then")
    func removeWritten() async throws {
        try await withTemporaryDirectory { directory in
            let folder = ProjectFolder(path: directory + "/app")
            try folder.write(["a/b/c": "x", "d": "y"], compose: "services: {}")
            try Data("kept\n".utf8).write(to: URL(filePath: folder.project + "/a/own"))
            try folder.removeWritten(["a/b/c", "d"])
            #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.project).sorted() == ["a", "a/own"])
            try FileManager.default.removeItem(atPath: folder.project + "/a/own")
            try folder.removeWritten(["a/b/c", "d"])
            #expect(!FileManager.default.fileExists(atPath: folder.path))
        }
    }
}
