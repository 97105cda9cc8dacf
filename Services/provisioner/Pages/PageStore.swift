import Dispatch
import FoundationEssentials
import Glibc

/// The directory of the docs. A page is replaced whole or not at all, so that a reader, and another replica that
/// writes the same page, never meets half of one.
///
/// The blocking calls run on a queue of their own, in their order.
struct PageStore: Sendable {
    /// An absolute path.
    let directory: String
    private let queue = DispatchQueue(label: "lab.provisioner.pages")

    init(directory: String) {
        self.directory = directory
    }

    /// The page's text, or nil when there is none.
    func read(_ page: PagePath) async throws(PageError) -> String? {
        try await onQueue { () throws(PageError) in try load(page) }
    }

    /// Makes the page read `text`, and reads it back. Nothing is written when it does already.
    ///
    /// - Returns: whether it was written.
    /// - Throws: ``PageError/notOurs(_:)`` when a page is there that somebody else wrote.
    @discardableResult
    func write(_ text: String, to page: PagePath) async throws(PageError) -> Bool {
        try await onQueue { () throws(PageError) in
            let present = try load(page)
            if present == text { return false }
            if let present, !isReplaceable(present) { throw .notOurs(path(page)) }
            let path = path(page)
            do {
                try FileManager.default.createDirectory(
                    at: URL(filePath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
                try replace(path, with: text)
            } catch {
                throw .cannotWrite(path, "\(error)")
            }
            guard try load(page) == text else {
                throw .cannotWrite(path, "it does not read as it was written")
            }
            return true
        }
    }

    /// Deletes a page that we wrote; one that somebody else wrote, or that is gone already, is left as it is.
    ///
    /// - Returns: whether it was deleted.
    @discardableResult
    func delete(_ page: PagePath) async throws(PageError) -> Bool {
        try await onQueue { () throws(PageError) in
            guard let present = try load(page), isReplaceable(present) else { return false }
            do {
                try FileManager.default.removeItem(atPath: path(page))
            } catch {
                throw .cannotWrite(path(page), "\(error)")
            }
            return true
        }
    }

    /// The names of the apps that have a page.
    func appsWithPage() async throws(PageError) -> Set<String> {
        try await onQueue { () throws(PageError) in
            let folder = directory + "/services"
            guard FileManager.default.fileExists(atPath: folder) else { return [] }
            do {
                let files = try FileManager.default.contentsOfDirectory(atPath: folder)
                return Set(files.filter { $0.hasSuffix(".md") && !$0.hasPrefix(".") }.map { String($0.dropLast(3)) })
            } catch {
                throw .cannotRead(folder, "\(error)")
            }
        }
    }

    /// Deletes what a process that was killed while it wrote has left beside the pages.
    func deleteDrafts() async throws(PageError) {
        try await onQueue { () throws(PageError) in
            for folder in [directory, directory + "/services"] {
                let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                for file in files where file.hasPrefix(Self.draftPrefix) {
                    let path = "\(folder)/\(file)"
                    let facts = try? FileManager.default.attributesOfItem(atPath: path)
                    guard let date = facts?[.modificationDate] as? Date, -date.timeIntervalSinceNow > Self.draftAge
                    else {
                        continue
                    }
                    do {
                        try FileManager.default.removeItem(atPath: path)
                    } catch {
                        throw .cannotWrite(path, "\(error)")
                    }
                }
            }
        }
    }

    private static let draftPrefix = ".homelab-draft-"
    /// Seconds after which no writer can be at it any more.
    private static let draftAge: Double = 10

    /// Writes a text beside the page, under a name that no other writer has, and renames it over the page.
    private func replace(_ path: String, with text: String) throws {
        let folder = URL(filePath: path).deletingLastPathComponent()
        let draft = folder.appending(path: Self.draftPrefix + UUID().uuidString)
        do {
            try Data(text.utf8).write(to: draft, options: .withoutOverwriting)
            guard rename(draft.path, path) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        } catch {
            try? FileManager.default.removeItem(at: draft)
            throw error
        }
    }

    /// Whether a page is ours, or empty: that is what a loss of power may leave of a page of ours, and nobody's work.
    private func isReplaceable(_ present: String) -> Bool { present.isEmpty || FrontMatter.isOurs(present) }

    func path(_ page: PagePath) -> String { "\(directory)/\(page.relative)" }

    private func load(_ page: PagePath) throws(PageError) -> String? {
        let path = path(page)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch {
            // Another replica may have deleted it between the two calls.
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            throw .cannotRead(path, "\(error)")
        }
    }

    private func onQueue<Value: Sendable>(
        _ body: @escaping @Sendable () throws(PageError) -> Value
    ) async throws(PageError) -> Value {
        let result: Result<Value, PageError> = await withCheckedContinuation { continuation in
            queue.async {
                do throws(PageError) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
