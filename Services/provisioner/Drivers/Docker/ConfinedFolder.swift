import Glibc

/// A folder that containers write in too. What they put there is never followed: a symbolic link, a pipe or a device in
/// the place of a file must not lead the provisioner to files of its own.
///
/// Every step goes by the descriptor of the folder before (openat(2)), so a link that appears in between is not followed
/// either. It blocks.
struct ConfinedFolder {
    let path: String

    /// Makes a text the content of a file, and the folders that it lies in. A file that says it already stays as it is; one
    /// that says something else keeps its inode, by which a container knows a file that is mounted alone. What is no
    /// file is replaced.
    func write(_ text: String, to file: String, mode: mode_t) throws(FileFault) {
        let segments = file.split(separator: "/").map(String.init)
        guard let name = segments.last else { return }
        let folder = try open(segments.dropLast(), makingFolders: true)
        defer { close(folder) }
        if let present = openFile(name, in: folder) {
            defer { close(present) }
            // A container may have given it to a user of its own, who alone may change its mode.
            if Self.text(of: present, is: text) { return try setMode(mode, of: present, file) }
        }
        let flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        var descriptor = openat(folder, name, flags)
        if descriptor < 0 || !Self.isFile(descriptor) {
            if descriptor >= 0 { close(descriptor) }
            descriptor = try replace(name, in: folder, file, mode: mode)
        }
        defer { close(descriptor) }
        try fill(descriptor, with: text, file)
        try setMode(mode, of: descriptor, file)
    }

    /// Whether a file says a text.
    func holds(_ text: String, in file: String) -> Bool {
        let segments = file.split(separator: "/").map(String.init)
        guard let name = segments.last, let folder = try? open(segments.dropLast(), makingFolders: false) else {
            return false
        }
        defer { close(folder) }
        guard let present = openFile(name, in: folder) else { return false }
        defer { close(present) }
        return Self.text(of: present, is: text)
    }

    /// Removes files, and the folders that are empty then. What cannot be removed stays.
    func remove(_ files: some Sequence<String>) {
        var folders: Set<[String]> = []
        for file in files {
            let segments = file.split(separator: "/").map(String.init)
            for count in segments.indices.dropFirst() { folders.insert(Array(segments[..<count])) }
            guard let name = segments.last, let folder = try? open(segments.dropLast(), makingFolders: false) else {
                continue
            }
            unlinkat(folder, name, 0)
            close(folder)
        }
        for segments in folders.sorted(by: { $0.count > $1.count }) {
            guard let parent = try? open(segments.dropLast(), makingFolders: false) else { continue }
            unlinkat(parent, segments[segments.count - 1], AT_REMOVEDIR)
            close(parent)
        }
    }

    // MARK: Steps

    private func open(_ segments: some Sequence<String>, makingFolders: Bool) throws(FileFault) -> Int32 {
        var folder = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw FileFault(path) }
        for segment in segments {
            if makingFolders { mkdirat(folder, segment, 0o755) }
            let next = openat(folder, segment, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            let fault = next < 0 ? FileFault(segment) : nil
            close(folder)
            if let fault { throw fault }
            folder = next
        }
        return folder
    }

    /// Nil where there is none, or something else that is called so.
    private func openFile(_ name: String, in folder: Int32) -> Int32? {
        let descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard Self.isFile(descriptor) else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    private static func text(of descriptor: Int32, is text: String) -> Bool {
        let count = text.utf8.count
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == count else { return false }
        var bytes = [UInt8](repeating: 0, count: count)
        var position = 0
        while position < count {
            let read = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: position), count - position)
            }
            if read < 0 && errno == EINTR { continue }
            guard read > 0 else { return false }
            position += read
        }
        return bytes.elementsEqual(text.utf8)
    }

    private func setMode(_ mode: mode_t, of descriptor: Int32, _ file: String) throws(FileFault) {
        guard fchmod(descriptor, mode) == 0 || errno == EPERM else { throw FileFault(file) }
    }

    /// Puts an empty file where there is none, or something else, or one that another user has.
    private func replace(
        _ name: String, in folder: Int32, _ file: String, mode: mode_t
    ) throws(FileFault) -> Int32 {
        // The engine makes a folder of a file that it is to mount and does not find.
        guard unlinkat(folder, name, 0) == 0 || errno == ENOENT || unlinkat(folder, name, AT_REMOVEDIR) == 0 else {
            throw FileFault(file)
        }
        let descriptor = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileFault(file) }
        return descriptor
    }

    private func fill(_ descriptor: Int32, with text: String, _ file: String) throws(FileFault) {
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                written += count
            }
            // Cut after, not emptied before: a container that has it mounted never sees it empty.
            return ftruncate(descriptor, off_t(bytes.count)) == 0
        }
        guard isWritten else { throw FileFault(file) }
    }

    private static func isFile(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}

/// Why a file could not be written or removed.
struct FileFault: Error, Sendable, CustomStringConvertible {
    let file: String
    let code: Int32

    /// From what the last call to the system said.
    init(_ file: String) {
        self.file = file
        code = errno
    }

    var isFull: Bool { code == ENOSPC || code == EDQUOT }
    var isForbidden: Bool { code == EACCES || code == EPERM }

    var description: String {
        switch code {
        case ELOOP, ENOTDIR: "“\(file)” is not a folder: a container put a link or a file there"
        default: "“\(file)”: \(String(cString: strerror(code)))"
        }
    }
}
