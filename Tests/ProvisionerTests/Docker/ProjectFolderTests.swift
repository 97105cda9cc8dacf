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
            folder.removeWritten(["a/b/c", "d"])
            #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.project).sorted() == ["a", "a/own"])
            try FileManager.default.removeItem(atPath: folder.project + "/a/own")
            folder.removeWritten(["a/b/c", "d"])
            #expect(!FileManager.default.fileExists(atPath: folder.path))
        }
    }

    @Test("a link, a pipe or a folder that a container puts in the place of a file leads nowhere")
    func planted() async throws {
        try await withTemporaryDirectory { directory in
            let folder = ProjectFolder(path: directory + "/app")
            let own = directory + "/sealing.key"
            try Data("the key\n".utf8).write(to: URL(filePath: own))
            try folder.write(["a/one": "1", "two": "2", "three": "3"], compose: nil)
            let manager = FileManager.default
            for name in ["a/one", "two", "three"] { try manager.removeItem(atPath: "\(folder.project)/\(name)") }
            try manager.createSymbolicLink(atPath: folder.project + "/a/one", withDestinationPath: own)
            #expect(mkfifo(folder.project + "/two", 0o666) == 0)
            // What the engine makes of a file that it is to mount and does not find.
            try manager.createDirectory(atPath: folder.project + "/three", withIntermediateDirectories: false)
            try folder.write(["a/one": "1", "two": "2", "three": "3"], compose: nil)
            for (name, text) in [("a/one", "1"), ("two", "2"), ("three", "3")] {
                #expect(try String(contentsOfFile: "\(folder.project)/\(name)", encoding: .utf8) == text)
            }

            try manager.removeItem(atPath: folder.project + "/a")
            try manager.createSymbolicLink(atPath: folder.project + "/a", withDestinationPath: directory)
            #expect {
                try folder.write(["a/sealing.key": "mine", "a/new": "x"], compose: nil)
            } throws: { error in
                (error as? Problem)?.detail.contains("is not a folder") == true
            }
            folder.removeWritten(["a/sealing.key"])
            #expect(try String(contentsOfFile: own, encoding: .utf8) == "the key\n")
            #expect(!manager.fileExists(atPath: directory + "/new"))
        }
    }

    @Test(
        "others of the machine do not get into the folder; a file that another user took over is written all the same")
    func owners() async throws {
        try await withTemporaryDirectory { directory in
            let folder = ProjectFolder(path: directory + "/apps/app")
            try folder.write([".env": "PASSWORD=x"], compose: "services: {}")
            var status = stat()
            #expect(stat(folder.path, &status) == 0 && status.st_mode & 0o777 == 0o700)
            #expect(stat(folder.project, &status) == 0 && status.st_mode & 0o777 == 0o755)
            #expect(chmod(folder.project + "/.env", 0) == 0)
            try folder.write([".env": "PASSWORD=y"], compose: nil)
            #expect(try String(contentsOfFile: folder.project + "/.env", encoding: .utf8) == "PASSWORD=y")
        }
    }
}
