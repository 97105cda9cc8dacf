import FoundationEssentials
import LabCore
import LabTesting
import Testing

@testable import Provisioner

@Suite("The docs directory")
struct PageStoreTests {
    private static let page = "---\n\(FrontMatter.marker)\n---\ntext\n"

    @Test("a page is written once and read back, and equal text is not written again")
    func writes() async throws {
        try await withTemporaryDirectory { directory in
            let store = PageStore(directory: directory)
            let path = PagePath.app(try AppName("notes"))
            #expect(try await store.write(Self.page, to: path))
            #expect(try await store.write(Self.page, to: path) == false)
            #expect(try await store.read(path) == Self.page)
            #expect(try await store.appsWithPage() == ["notes"])
            #expect(try await store.delete(path))
            #expect(try await store.read(path) == nil)
        }
    }

    @Test("a page that somebody else wrote is neither overwritten nor deleted")
    func foreign() async throws {
        try await withTemporaryDirectory { directory in
            let store = PageStore(directory: directory)
            let text = "# Mine\n\ngenerator: homelab-provisioner\n"
            try Data(text.utf8).write(to: URL(filePath: directory + "/index.md"))
            await #expect(throws: PageError.notOurs(directory + "/index.md")) {
                try await store.write(Self.page, to: .index)
            }
            #expect(try await store.delete(.index) == false)
            #expect(try await store.read(.index) == text)
        }
    }

    @Test("many writers of one page leave one whole page and nothing else")
    func writers() async throws {
        try await withTemporaryDirectory { directory in
            let texts = (0..<8).map { Self.page + String(repeating: "\($0)", count: 20_000) }
            await withTaskGroup(of: Void.self) { group in
                for text in texts {
                    group.addTask {
                        let store = PageStore(directory: directory)
                        for _ in 0..<20 {
                            // Another writer may replace the page before it is read back.
                            _ = try? await store.write(text, to: .index)
                            if let seen = try? await store.read(.index) { #expect(texts.contains(seen)) }
                        }
                    }
                }
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(files == ["index.md"])
        }
    }

    @Test("what a killed process left half written is deleted once no writer can be at it, and nothing else is")
    func drafts() async throws {
        try await withTemporaryDirectory { directory in
            let store = PageStore(directory: directory)
            try await store.write(Self.page, to: .app(try AppName("notes")))
            let folder = directory + "/services"
            for (file, age) in [(".homelab-draft-old", 60.0), (".homelab-draft-new", 0), (".hidden", 60)] {
                try Data("half".utf8).write(to: URL(filePath: "\(folder)/\(file)"))
                try FileManager.default.setAttributes(
                    [.modificationDate: Date.now.addingTimeInterval(-age)], ofItemAtPath: "\(folder)/\(file)")
            }
            try await store.deleteDrafts()
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(Set(files) == [".homelab-draft-new", ".hidden", "notes.md"])
        }
    }

    @Test("a directory that cannot be made is told with its path")
    func unwritable() async throws {
        try await withTemporaryDirectory { directory in
            try Data().write(to: URL(filePath: directory + "/file"))
            let store = PageStore(directory: directory + "/file/docs")
            let error = await #expect(throws: PageError.self) { try await store.write(Self.page, to: .index) }
            #expect(error?.description.contains(directory) == true)
        }
    }
}
